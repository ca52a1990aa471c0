/// Runs `work`, and cancels it after `limit`.
///
/// Returns only once `work` has ended; it must therefore respond to cancellation at once.
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

/// Work took longer than its deadline.
package struct DeadlineExceeded: Error {}
