import Resilience
import Testing

@Suite struct DeadlineTests {
    @Test func `work that never ends is given up`() async {
        await #expect(throws: DeadlineExceeded.self) {
            try await withDeadline(.milliseconds(5), clock: ContinuousClock()) {
                try await ContinuousClock().sleep(for: .seconds(3600))
            }
        }
    }

    @Test func `work that ends in time gives its result or its error`() async throws {
        struct Failed: Error {}
        #expect(try await withDeadline(.seconds(60), clock: ContinuousClock()) { 7 } == 7)
        await #expect(throws: Failed.self) {
            try await withDeadline(.seconds(60), clock: ContinuousClock()) { throw Failed() }
        }
    }
}
