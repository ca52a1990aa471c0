/// Runs `work` and gives up on it after `limit`, so that no wait is without an end.
///
/// On the way out `work` is cancelled and awaited; it must therefore answer to cancellation at once.
/// - Throws: ``DeadlineExceeded``, or what `work` throws.
package func withDeadline<Result: Sendable>(
    _ limit: Duration, clock: any Clock<Duration>, _ work: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await clock.sleep(for: limit)
            throw DeadlineExceeded()
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw CancellationError() }
        return first
    }
}

/// A piece of work took longer than it was given.
package struct DeadlineExceeded: Error {}
