/// Runs one piece of work at a time, for all callers who ask for it meanwhile.
///
/// The work has a task of its own: a caller who is cancelled returns at once, and the others still get the result. When
/// the last one is cancelled, so is the work.
actor SingleFlight<Value: Sendable> {
    private struct Flight {
        let number: Int
        let task: Task<Void, Never>
        var waiting: [Int: AsyncThrowingStream<Value, any Error>.Continuation] = [:]
    }
    private var flight: Flight?
    private var number = 0

    /// Returns the result of `work`, or of the work in progress.
    func value(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let (results, continuation) = AsyncThrowingStream<Value, any Error>.makeStream()
        number += 1
        let own = number
        if flight == nil {
            flight = Flight(
                number: own,
                task: Task {
                    do { finish(own, .success(try await work())) } catch { finish(own, .failure(error)) }
                })
        }
        flight?.waiting[own] = continuation
        // Iterating a stream ends when the caller is cancelled; awaiting a task's value does not.
        for try await value in results { return value }
        leave(own)
        throw CancellationError()
    }

    private func finish(_ number: Int, _ result: Result<Value, any Error>) {
        // Abandoned work may end after other work began.
        guard let finished = flight, finished.number == number else { return }
        flight = nil
        for waiter in finished.waiting.values {
            waiter.yield(with: result)
            waiter.finish()
        }
    }

    private func leave(_ waiter: Int) {
        guard flight?.waiting.removeValue(forKey: waiter) != nil, flight?.waiting.isEmpty == true else { return }
        flight?.task.cancel()
        flight = nil
    }
}
