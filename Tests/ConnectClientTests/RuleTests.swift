import Foundation
import Testing

@testable import ConnectClient

@Suite struct RuleTests {
    private static let offline = ConnectError(.networkError)

    private static func refused(_ status: Int, _ retryAfter: TimeInterval? = nil) -> ConnectError {
        ConnectError(.overloaded, status: status, retryAfter: retryAfter)
    }

    @Test(
        "sends a call again where the contract says so",
        arguments: [
            ([offline, offline, offline], [0.5, 1, nil]),
            ([refused(429, 2), refused(503, 0), refused(503, 0)], [2, 0, nil]),
            ([refused(409, 1)], [1]),
            ([refused(422, 20)], [20]),
            // Too long to wait for.
            ([refused(422, 900)], [nil]),
            ([refused(429, 21)], [nil]),
            // Nothing says when.
            ([refused(503)], [nil]),
            ([refused(500, 1)], [nil]),
            ([refused(502, 1)], [nil]),
            ([refused(404, 1)], [nil]),
            ([ConnectError(.invalidAnswer, status: 200)], [nil]),
            ([refused(302)], [nil]),
            ([ConnectError(.unauthenticated)], [nil]),
        ] as [([ConnectError], [TimeInterval?])])
    func retries(_ errors: [ConnectError], _ pauses: [TimeInterval?]) {
        var rule = RetryRule()
        #expect(errors.map { rule.pause(after: $0) } == pauses)
    }

    @Test func `opens a stream again at a pace that slows down`() {
        var rule = ReconnectRule()
        #expect((0..<8).map { _ in rule.pause(after: nil, jitter: 1) } == [0.5, 1, 2, 4, 8, 16, 30, 30])
        rule.succeed()
        #expect(rule.pause(after: Self.offline, jitter: 0.75) == 0.375)
        // What the service says is not shortened.
        #expect(rule.pause(after: Self.refused(503, 40), jitter: 0.75) == 40)
    }

    @Test(
        "opens a stream again after what may pass",
        arguments: [
            (offline, 0.5), (refused(503), 0.5), (refused(503, 7), 7), (refused(429, 0), 0.5), (refused(408), 0.5),
            (ConnectError(.invalidAnswer, status: 502), 0.5), (refused(404), nil), (refused(401), nil),
            (refused(409), nil), (ConnectError(.invalidAnswer, status: 200), 0.5), (refused(302), 0.5),
            (ConnectError(.unauthenticated), nil), (ConnectError(.invalidAnswer), nil),
        ] as [(ConnectError, TimeInterval?)])
    func reconnects(_ error: ConnectError, _ pause: TimeInterval?) {
        var rule = ReconnectRule()
        #expect(rule.pause(after: error, jitter: 1) == pause)
    }
}
