import Testing

@testable import Edge

/// A slow reader is not one that reads nothing (I6).
@Suite struct WriteProgressTests {
    private let start = ContinuousClock.now

    /// When a client is given up of which the connection holds so much, by the second.
    private func givenUp(_ pending: (_ second: Int) -> Int) -> Int? {
        var progress = WriteProgress(at: start)
        return (0...700).first { second in
            progress.isStalled(
                pending: pending(second), at: start + .seconds(second), still: .seconds(30), behind: .seconds(600))
        }
    }

    @Test func `a client that reads nothing is given up after the time for that`() {
        #expect(givenUp { _ in 100_000 } == 31)
    }

    @Test func `a client that reads some now and then is waited for, until it is behind for too long`() {
        #expect(givenUp { 1_000_000 - $0 / 29 * 1000 } == 601)
    }

    @Test func `a client that stops reading is given up from there on`() {
        #expect(givenUp { 100_000 - min($0, 100) } == 131)
    }

    @Test func `more that is written is no progress of the client`() {
        #expect(givenUp { 100_000 + $0 } == 31)
    }
}
