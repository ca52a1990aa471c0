/// Runs one piece of work at a time for each key, for all callers who ask for it meanwhile.
///
/// The work has a task of its own: a caller who is cancelled returns at once, and the others still get the result. When
/// the last one is cancelled, so is the work.
actor SingleFlight<Key: Hashable & Sendable, Value: Sendable> {
    private struct Flight {
        let number: Int
        let task: Task<Void, Never>
        var waiting: [Int: AsyncThrowingStream<Value, any Error>.Continuation] = [:]
    }
    private var flights: [Key: Flight] = [:]
    private var number = 0
    private let joined: @Sendable () -> Void

    /// - Parameter joined: Called for each caller, once the result is certain to reach it.
    init(joined: @escaping @Sendable () -> Void = {}) { self.joined = joined }

    /// Returns the result of `work`, or of the work in progress for an equal key.
    func value(_ key: Key, _ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let (results, continuation) = AsyncThrowingStream<Value, any Error>.makeStream()
        number += 1
        let own = number
        if flights[key] == nil {
            flights[key] = Flight(
                number: own,
                task: Task {
                    do { finish(key, own, .success(try await work())) } catch { finish(key, own, .failure(error)) }
                })
        }
        flights[key]?.waiting[own] = continuation
        joined()
        // Iterating a stream ends when the caller is cancelled; awaiting a task's value does not.
        for try await value in results { return value }
        leave(key, own)
        throw CancellationError()
    }

    private func finish(_ key: Key, _ number: Int, _ result: Result<Value, any Error>) {
        // Abandoned work may end after other work began.
        guard let finished = flights[key], finished.number == number else { return }
        flights[key] = nil
        for waiter in finished.waiting.values {
            waiter.yield(with: result)
            waiter.finish()
        }
    }

    private func leave(_ key: Key, _ waiter: Int) {
        guard flights[key]?.waiting.removeValue(forKey: waiter) != nil, let left = flights[key], left.waiting.isEmpty
        else { return }
        left.task.cancel()
        flights[key] = nil
    }
}
