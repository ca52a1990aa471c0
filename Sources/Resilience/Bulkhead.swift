/// Bounds how many calls of one kind are under way, so that a slow kind cannot use up what another one needs.
package struct Bulkhead: Sendable {
    private let limit: Int
    package private(set) var underWay = 0

    package init(limit: Int) {
        self.limit = limit
    }

    /// Takes a place; each one taken is given back with ``leave()``.
    package mutating func enter() -> Bool {
        guard underWay < limit else { return false }
        underWay += 1
        return true
    }

    package mutating func leave() {
        underWay -= 1
    }
}
