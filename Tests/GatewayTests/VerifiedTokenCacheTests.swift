import Core
import Foundation
import Keys
import Testing

@testable import Gateway

@Suite struct VerifiedTokenCacheTests {
    static let wall = Date(timeIntervalSince1970: 1_800_000_000)
    static let keys = SHA256Digest(of: "keys".utf8)
    let start = ContinuousClock.now

    /// A token that expires in an hour and is valid since ten seconds ago.
    private func verified(_ subject: String) throws -> JSONWebToken.Verified {
        let seconds = Self.wall.timeIntervalSince1970
        return JSONWebToken.Verified(
            subject: try #require(Subject(subject)),
            validity: .init(notBefore: seconds - 10, expiry: seconds + 3600, leeway: 30))
    }

    private func insert(
        _ token: String, of subject: String, into cache: inout VerifiedTokenCache, at seconds: Double = 0
    ) throws {
        cache.insert(
            try verified(subject), for: SHA256Digest(of: token.utf8), under: Self.keys, at: start + .seconds(seconds))
    }

    private func subject(
        _ token: String, _ cache: VerifiedTokenCache, keys: SHA256Digest = keys, age: Double = 0, wall: Double = 0
    ) -> String? {
        cache.subject(
            of: SHA256Digest(of: token.utf8), under: keys,
            at: .init(wall: Self.wall + wall, monotonic: start + .seconds(age)))?.text
    }

    struct Use: CustomTestStringConvertible {
        let testDescription: String
        var token = "token"
        var keys = "keys"
        /// Seconds since it was verified.
        var age = 0.0
        /// How far the wall clock has come since.
        var wall = 0.0
        let isHit: Bool
    }

    @Test(
        "a verified token is a hit within 60 s, under the same keys, while it is valid (I13)",
        arguments: [
            Use(testDescription: "at once", isHit: true),
            Use(testDescription: "another token", token: "token2", isHit: false),
            Use(testDescription: "59.999 s old", age: 59.999, wall: 59.999, isHit: true),
            Use(testDescription: "60 s old", age: 60, wall: 60, isHit: false),
            Use(testDescription: "60 s old, and the wall clock was set back", age: 60, wall: 0, isHit: false),
            Use(testDescription: "another key set", keys: "other", isHit: false),
            Use(testDescription: "expired, within the leeway", age: 1, wall: 3629.9, isHit: true),
            Use(testDescription: "expired", age: 1, wall: 3630, isHit: false),
            Use(testDescription: "not yet valid, within the leeway", age: 1, wall: -40, isHit: true),
            Use(testDescription: "not yet valid", age: 1, wall: -40.1, isHit: false),
            Use(testDescription: "the wall clock jumps by a day", wall: 86_400, isHit: false),
            Use(testDescription: "the wall clock jumps back by a day", wall: -86_400, isHit: false),
        ])
    func use(_ use: Use) throws {
        var cache = VerifiedTokenCache()
        try insert("token", of: "alice", into: &cache)
        let found = subject(
            use.token, cache, keys: SHA256Digest(of: use.keys.utf8), age: use.age, wall: use.wall)
        #expect(found == (use.isHit ? "alice" : nil))
    }

    @Test("a subject with many tokens evicts only its own, the oldest first (I18)") func share() throws {
        var cache = VerifiedTokenCache(capacity: 1000, share: 8)
        for user in 0..<100 { try insert("\(user)", of: "user \(user)", into: &cache) }
        var most = (entries: 0, queued: 0)
        for number in 0..<20_000 {
            try insert("m\(number)", of: "mallory", into: &cache)
            most = (max(most.entries, cache.count), max(most.queued, cache.queueCount))
        }
        #expect(most.entries == 108)
        #expect(most.queued <= 64 + 2 * 108)
        #expect((0..<100).allSatisfy { subject("\($0)", cache) == "user \($0)" })
        #expect((0..<20_000).filter { subject("m\($0)", cache) != nil } == Array(19_992..<20_000))
    }

    @Test("in a full cache a subject evicts its own token, or the oldest of all for its first (I18)") func full() throws
    {
        var cache = VerifiedTokenCache(capacity: 10, share: 3)
        for user in 0..<10 { try insert("\(user)", of: "user \(user)", into: &cache) }
        try insert("5b", of: "user 5", into: &cache)
        #expect((0..<10).filter { subject("\($0)", cache) == nil } == [5])
        #expect(subject("5b", cache) == "user 5")
        for number in 0..<1000 { try insert("m\(number)", of: "mallory", into: &cache) }
        #expect((0..<10).filter { subject("\($0)", cache) == nil } == [0, 5])
        #expect(subject("m999", cache) == "mallory")
        #expect(cache.count == 10)
        // The place of a removed token is no token's: the next oldest goes.
        try insert("first", of: "newcomer", into: &cache)
        #expect((0..<10).filter { subject("\($0)", cache) == nil } == [0, 1, 5])
        #expect(cache.count == 10)
    }

    @Test func `old entries are removed as new ones come`() throws {
        var cache = VerifiedTokenCache(capacity: 1000, share: 8)
        for user in 0..<100 { try insert("\(user)", of: "user \(user)", into: &cache) }
        for user in 100..<200 { try insert("\(user)", of: "user \(user)", into: &cache, at: 59) }
        #expect(cache.count == 200)
        for user in 200..<300 { try insert("\(user)", of: "user \(user)", into: &cache, at: 60) }
        #expect(cache.count == 200)
        #expect((100..<300).allSatisfy { subject("\($0)", cache, age: 60) != nil })
    }

    @Test func `a token that is verified again is one entry, as old as its last verification`() throws {
        var cache = VerifiedTokenCache(capacity: 100, share: 3)
        for _ in 0..<20 { try insert("token", of: "alice", into: &cache) }
        try insert("phone", of: "alice", into: &cache)
        try insert("token", of: "alice", into: &cache, at: 59)
        try insert("tablet", of: "alice", into: &cache, at: 59)
        #expect(cache.count == 3)
        #expect(subject("token", cache, age: 118.9) == "alice")
        #expect(subject("phone", cache, age: 59.9) == "alice")
        // The oldest is now another one.
        try insert("watch", of: "alice", into: &cache, at: 59)
        #expect(subject("phone", cache, age: 59.9) == nil)
        #expect(subject("token", cache, age: 59.9) == "alice")
    }

    @Test func `whatever comes, bounds hold and a hit is a recent verification`() throws {
        var random = SystemRandomNumberGenerator()
        var cache = VerifiedTokenCache(capacity: 20, share: 3)
        var last: [Int: (subject: Int, at: Double)] = [:]
        var clock = 0.0, hits = 0
        for _ in 0..<1500 {
            clock += Double(Int.random(in: 0..<5, using: &random))
            let token = Int.random(in: 0..<60, using: &random)
            if let found = subject("\(token)", cache, age: clock) {
                let known = try #require(last[token])
                #expect(found == "user \(known.subject)")
                #expect(clock - known.at < 60)
                hits += 1
            }
            // Few subjects have many tokens.
            let user = token.isMultiple(of: 2) ? token / 2 % 2 : 2 + token
            try insert("\(token)", of: "user \(user)", into: &cache, at: clock)
            last[token] = (user, clock)
            #expect(subject("\(token)", cache, age: clock) == "user \(user)")
            #expect(cache.count <= 20)
            #expect(cache.queueCount <= 64 + 2 * cache.count)
            for user in 0..<2 {
                let own = last.filter { $0.value.subject == user }.keys
                #expect(own.count { subject("\($0)", cache, age: clock) != nil } <= 3)
            }
        }
        #expect(hits > 0)
    }
}
