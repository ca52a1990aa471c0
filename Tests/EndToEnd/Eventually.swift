import Testing

/// Asks again and again whether something has happened in another process, which does not announce it.
/// - Parameter otherwise: What is said when it has not come within `limit`.
func eventually(
    within limit: Duration = .seconds(30), _ otherwise: @autoclosure () -> Comment = "it never happened",
    sourceLocation: SourceLocation = #_sourceLocation, _ isSo: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !isSo() {
        try #require(ContinuousClock.now < end, otherwise(), sourceLocation: sourceLocation)
        try await Task.sleep(for: .milliseconds(20))
    }
}
