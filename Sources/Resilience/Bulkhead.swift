/// Bounds how many calls of one kind are in flight, and how many of them one caller may have, so that neither a slow
/// kind nor a busy caller uses up what the others need.
package struct Bulkhead: Sendable {
    package enum Admission: Equatable, Sendable {
        case entered
        /// All slots are taken.
        case full
        /// The caller has its share already.
        case shareTaken
    }

    package let limit: Int
    private let share: Int
    package private(set) var underWay = 0
    /// Only callers that have a slot: never more entries than slots.
    private var slots: [CallerKey: Int] = [:]

    /// - Parameter share: Slots of one caller at the most; calls without a caller are not bound by it.
    package init(limit: Int, share: Int? = nil) {
        self.limit = limit
        self.share = share ?? limit
    }

    /// Takes a slot; each one taken is given back with ``leave(_:)`` by the same caller.
    package mutating func enter(_ caller: CallerKey? = nil) -> Admission {
        // Read and written apart: changing an element in place asks the heap, and every relayed call comes by here.
        let own = caller.flatMap { slots[$0] } ?? 0
        guard own < share || caller == nil else { return .shareTaken }
        guard underWay < limit else { return .full }
        if let caller { slots.updateValue(own + 1, forKey: caller) }
        underWay += 1
        return .entered
    }

    package mutating func leave(_ caller: CallerKey? = nil) {
        underWay -= 1
        guard let caller, let own = slots[caller] else { return }
        if own > 1 { slots.updateValue(own - 1, forKey: caller) } else { slots.removeValue(forKey: caller) }
    }
}
