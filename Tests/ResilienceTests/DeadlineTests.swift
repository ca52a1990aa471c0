import Resilience
import Testing

@Suite struct DeadlineTests {
    @Test func `cancels work that does not end`() async {
        await #expect(throws: DeadlineExceeded.self) {
            try await withDeadline(.milliseconds(5), clock: ContinuousClock()) {
                try await ContinuousClock().sleep(for: .seconds(3600))
            }
        }
    }

    @Test func `returns the result or the error of work that ends in time`() async throws {
        struct Failed: Error {}
        #expect(try await withDeadline(.seconds(60), clock: ContinuousClock()) { 7 } == 7)
        await #expect(throws: Failed.self) {
            try await withDeadline(.seconds(60), clock: ContinuousClock()) { throw Failed() }
        }
    }
}
