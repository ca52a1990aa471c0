/// Does one piece of work for everybody who wants its result at the same time.
///
/// The work belongs to the flight and not to whoever came first: a caller who is cancelled leaves at once and takes
/// nothing from the others.
package actor SingleFlight<Key: Hashable & Sendable, Value: Sendable> {
    private struct Flight {
        let number: Int
        let task: Task<Void, Never>
        var waiting: [Int: AsyncStream<Value>.Continuation] = [:]
    }
    private var flights: [Key: Flight] = [:]
    private var number = 0
    private let stopsWhenDeserted: Bool

    /// - Parameter stopsWhenDeserted: Cancel the work when the last one who waited was cancelled: right for reads, wrong
    ///   for work whose result is kept.
    package init(stopsWhenDeserted: Bool = false) {
        self.stopsWhenDeserted = stopsWhenDeserted
    }

    /// The result of `work`, or of the one that is under way for `key`; nil when the caller was cancelled before.
    package func value(for key: Key, _ work: @escaping @Sendable () async -> Value) async -> Value? {
        // A stream, unlike a task's value, lets go of whoever is cancelled.
        let (result, continuation) = AsyncStream<Value>.makeStream(bufferingPolicy: .bufferingNewest(1))
        number += 1
        let own = number
        if flights[key] == nil {
            flights[key] = Flight(
                number: own,
                task: Task {
                    let value = await work()
                    land(key, own, value)
                })
        }
        flights[key]?.waiting[own] = continuation
        for await value in result { return value }
        desert(key, own)
        return nil
    }

    private func land(_ key: Key, _ flight: Int, _ value: Value) {
        // A deserted flight may land after another one took off for the same key.
        guard flights[key]?.number == flight, let landed = flights.removeValue(forKey: key) else { return }
        for waiter in landed.waiting.values {
            waiter.yield(value)
            waiter.finish()
        }
    }

    private func desert(_ key: Key, _ waiter: Int) {
        guard flights[key]?.waiting.removeValue(forKey: waiter) != nil else { return }
        if stopsWhenDeserted, flights[key]?.waiting.isEmpty == true {
            flights.removeValue(forKey: key)?.task.cancel()
        }
    }
}
