/// A condition did not come true in time.
package struct NeverHappened: Error {}

/// Waits for something that happens on another thread, for ten seconds at the most.
package func until(_ condition: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(10)
    while try await !condition() {
        guard ContinuousClock.now < end else { throw NeverHappened() }
        try await Task.sleep(for: .milliseconds(1))
    }
}
