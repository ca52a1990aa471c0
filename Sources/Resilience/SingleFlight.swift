/// Coalesces concurrent work by key: callers that want the result of the same key share one run.
///
/// The work runs in a task of its own, not in that of the first caller: a caller that is cancelled returns at once, and
/// the others still get the result.
package actor SingleFlight<Key: Hashable & Sendable, Value: Sendable> {
    private struct Flight {
        let number: Int
        let task: Task<Void, Never>
        var waiting: [Int: AsyncStream<Value>.Continuation] = [:]
    }
    private var flights: [Key: Flight] = [:]
    private var number = 0
    private let cancelsAbandonedWork: Bool

    /// - Parameter cancelsAbandonedWork: Cancel the work when its last caller was cancelled: right for reads, wrong for
    ///   work whose result is stored.
    package init(cancelsAbandonedWork: Bool = false) {
        self.cancelsAbandonedWork = cancelsAbandonedWork
    }

    /// Returns the result of `work`, or of the run in progress for `key`; `nil` when the caller was cancelled first.
    package func value(for key: Key, _ work: @escaping @Sendable () async -> Value) async -> Value? {
        // Iterating a stream ends when the caller is cancelled; awaiting a task's value does not.
        let (result, continuation) = AsyncStream<Value>.makeStream(bufferingPolicy: .bufferingNewest(1))
        number += 1
        let own = number
        if flights[key] == nil {
            flights[key] = Flight(
                number: own,
                task: Task {
                    let value = await work()
                    finish(key, own, value)
                })
        }
        flights[key]?.waiting[own] = continuation
        for await value in result { return value }
        abandon(key, own)
        return nil
    }

    private func finish(_ key: Key, _ flight: Int, _ value: Value) {
        // An abandoned flight may finish after another one began for the same key.
        guard flights[key]?.number == flight, let finished = flights.removeValue(forKey: key) else { return }
        for waiter in finished.waiting.values {
            waiter.yield(value)
            waiter.finish()
        }
    }

    private func abandon(_ key: Key, _ waiter: Int) {
        guard flights[key]?.waiting.removeValue(forKey: waiter) != nil else { return }
        if cancelsAbandonedWork, flights[key]?.waiting.isEmpty == true {
            flights.removeValue(forKey: key)?.task.cancel()
        }
    }
}
