import Core
import Foundation
import Testing

@testable import Sessions

/// The idempotency keys in memory (I18, I19).
@Suite struct IdempotencyKeysTests {
    let alice = Subject("alice")!
    let bob = Subject("bob")!
    let start = Date(timeIntervalSince1970: 1_700_000_000)

    private func key(_ number: Int) throws -> IdempotencyKey { try #require(IdempotencyKey("k\(number)")) }

    private func mint(_ owner: String, at seconds: TimeInterval = 0, isAnswered: Bool = false) -> IdempotentMint {
        let session = SessionID(prefix: "cs", random: Array(repeating: owner.utf8.first ?? 0, count: 12))
        return IdempotentMint(
            body: [1], startedAt: start + seconds, owner: owner,
            answer: isAnswered ? .init(session: session, connectURL: "a://b", expiresAt: start + 600) : nil)
    }

    @Test func `only its holder releases or answers a key (I19)`() throws {
        var keys = IdempotencyKeys(capacity: 10, share: 10)
        let key = try key(1)
        #expect(keys.begin(mint("late"), as: key, of: alice, at: start) == nil)
        #expect(keys.begin(mint("next", at: 61), as: key, of: alice, at: start + 61) == nil)
        keys.end(key, of: alice, heldBy: "late", as: nil)
        keys.end(key, of: alice, heldBy: "late", as: mint("late", isAnswered: true))
        #expect(keys.begin(mint("twin"), as: key, of: alice, at: start + 62) == mint("next", at: 61))
        keys.end(key, of: alice, heldBy: "next", as: mint("next", at: 61, isAnswered: true))
        keys.end(key, of: alice, heldBy: "next", as: nil)
        #expect(keys.begin(mint("twin"), as: key, of: alice, at: start + 62)?.answer != nil)
    }

    @Test func `a subject with many keys evicts its own, and none in progress (I18)`() throws {
        var keys = IdempotencyKeys(capacity: 100, share: 10)
        #expect(keys.begin(mint("bob"), as: try key(1), of: bob, at: start) == nil)
        keys.end(try key(1), of: bob, heldBy: "bob", as: mint("bob", isAnswered: true))
        #expect(keys.begin(mint("first"), as: try key(0), of: alice, at: start) == nil)
        for number in 1...1000 {
            let owner = "a\(number)"
            #expect(keys.begin(mint(owner, at: 1), as: try key(number), of: alice, at: start + 1) == nil)
            keys.end(try key(number), of: alice, heldBy: owner, as: mint(owner, at: 1, isAnswered: true))
        }
        #expect(keys.count == 11)
        #expect(keys.begin(mint("x"), as: try key(1), of: bob, at: start + 1)?.answer != nil)
        #expect(keys.begin(mint("x"), as: try key(0), of: alice, at: start + 1) == mint("first"))
    }

    @Test func `memory is bounded for mints in progress and answered ones, and is free again when they are over`()
        throws
    {
        for isAnswered in [false, true] {
            var keys = IdempotencyKeys(capacity: 100, share: 10)
            for number in 0..<1000 {
                let subject = try #require(Subject("user-\(number)"))
                #expect(keys.begin(mint("a"), as: try key(1), of: subject, at: start) == nil)
                if isAnswered {
                    keys.end(try key(1), of: subject, heldBy: "a", as: mint("a", isAnswered: true))
                }
                #expect(keys.count <= 100)
            }
            #expect(keys.begin(mint("a"), as: try key(1), of: alice, at: start + 600) == nil)
            #expect(keys.count == 1)
        }
    }
}
