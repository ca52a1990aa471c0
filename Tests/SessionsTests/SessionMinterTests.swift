import Core
import Flatpeak
import Foundation
import Networking
import TestSupport
import Testing

@testable import Sessions

/// Minting, and idempotency keys.
extension SessionsTests {
    @Test func `a mint for another subject's location is rejected without a call to Flatpeak`() async throws {
        await #expect(throws: BFFError.notFound) { try await mint(#"{"location_id":"loc_1"}"#) }
        #expect(upstream.requests().isEmpty)
    }

    @Test func `one key and body is one mint and one answer, separate for another body and another user (S16)`()
        async throws
    {
        let tokens = (1...4).map { HTTPAnswer.json(#"{"connect_token":"cot_\#($0)","expires_in":60}"#) }
        upstream.on("mint", tokens[0], tokens[1], tokens[2], tokens[3])
        let mint = { (key: String, body: String, subject: Subject) in
            try await sessions.minter.mint(Array(body.utf8), as: IdempotencyKey(key), for: subject)
        }
        let first = try await mint("k", "{}", alice)
        let again = try await mint("\"k\"", "{}", alice)
        #expect(again.session.id == first.session.id)
        #expect(again.launchURL == first.launchURL)
        await #expect(throws: BFFError.idempotencyKeyReused) { try await mint("k", #"{"app":"ios"}"#, alice) }
        #expect(try await mint("k", "{}", bob).session.connectToken != first.session.connectToken)
        #expect(try await mint("other", "{}", alice).session.id != first.session.id)
        #expect(upstream.requests("mint").count == 3)
        clock.advance(by: 60)
        #expect(try await mint("k", "{}", alice).session.id != first.session.id)
    }

    @Test func `rejects a key whose mint is in progress, and frees the key of a mint that failed (S16)`() async throws {
        let gate = Gate()
        upstream.on(
            "mint",
            [
                { _ in
                    await gate.wait()
                    return .success(.json("{}", status: 500))
                }, { _ in .success(.json(#"{"connect_token":"cot_1","expires_in":60}"#)) },
            ])
        let sessions = sessions, alice = alice
        let key = IdempotencyKey("k")
        let first = Task { try await sessions.minter.mint(Array("{}".utf8), as: key, for: alice) }
        try await until { !upstream.requests("mint").isEmpty }
        await #expect(throws: BFFError.idempotencyInProgress) {
            try await sessions.minter.mint(Array("{}".utf8), as: key, for: alice)
        }
        await gate.open()
        await #expect(throws: BFFError.upstreamFailed(status: 500)) { try await first.value }
        #expect(
            try await sessions.minter.mint(Array("{}".utf8), as: key, for: alice).session.connectToken
                == ConnectToken("cot_1")
        )
    }

    @Test(arguments: ["", "a b", "\"", "a\"b", "\u{e9}", String(repeating: "k", count: 129)])
    func `rejects a malformed idempotency key`(text: String) {
        #expect(IdempotencyKey(text) == nil)
    }
}
