/// Bounds the calls of one kind that are in flight, in total and per caller, so that neither a slow kind of call nor a
/// busy caller exhausts what the others need.
package struct Bulkhead: Sendable {
    package enum Admission: Equatable, Sendable {
        case acquired
        /// All slots are in use.
        case full
        /// The caller has its share already.
        case shareTaken
    }

    package let limit: Int
    private let share: Int
    package private(set) var inUse = 0
    /// Slots by caller; only callers that have one, so never more entries than slots.
    private var slots: [CallerKey: Int] = [:]

    /// - Parameter share: The most slots of one caller; it does not bind calls without a caller.
    package init(limit: Int, share: Int? = nil) {
        self.limit = limit
        self.share = share ?? limit
    }

    /// Acquires a slot; the same caller gives each one back with ``release(_:)``.
    package mutating func tryAcquire(_ caller: CallerKey? = nil) -> Admission {
        // Read and written apart: changing a value in place allocates, and every relayed call acquires a slot.
        let own = caller.flatMap { slots[$0] } ?? 0
        guard own < share || caller == nil else { return .shareTaken }
        guard inUse < limit else { return .full }
        if let caller { slots.updateValue(own + 1, forKey: caller) }
        inUse += 1
        return .acquired
    }

    /// Gives a slot back.
    package mutating func release(_ caller: CallerKey? = nil) {
        inUse -= 1
        guard let caller, let own = slots[caller] else { return }
        if own > 1 { slots.updateValue(own - 1, forKey: caller) } else { slots.removeValue(forKey: caller) }
    }
}
