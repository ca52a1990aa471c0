/// Keys in the order in which they were inserted, each of which may be removed at any time.
///
/// Whoever owns it keeps the number of each key: a place whose number is not the key's is of one that was removed.
package struct InsertionQueue<Key: Sendable>: Sendable {
    /// Those before `head` are removed already.
    private var places: [(key: Key, number: Int)] = []
    private var head = 0
    private var number = 0

    package init() {}

    /// Places, those of removed keys included.
    package var count: Int { places.count }

    /// - Returns: The number of the key.
    package mutating func append(_ key: Key) -> Int {
        number += 1
        places.append((key, number))
        return number
    }

    /// Finds the oldest key that was not removed.
    package mutating func oldest(_ isThere: (_ key: Key, _ number: Int) -> Bool) -> Key? {
        while head < places.count {
            let (key, number) = places[head]
            if isThere(key, number) { return key }
            head += 1
        }
        return nil
    }

    /// Drops the places of removed keys, once these are many, so that each removal costs little.
    /// - Parameter left: Keys that were not removed.
    package mutating func compact(left: Int, _ isThere: (_ key: Key, _ number: Int) -> Bool) {
        guard places.count > 64 + 2 * left else { return }
        places = places.dropFirst(head).filter { isThere($0.key, $0.number) }
        head = 0
    }
}
