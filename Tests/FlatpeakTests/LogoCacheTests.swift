import Resilience
import Testing

@testable import Flatpeak

@Suite struct LogoCacheTests {
    let start = ContinuousClock.now
    let alice = CallerKey("alice"), bob = CallerKey("bob"), mallory = CallerKey("mallory")

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    private func digest(_ number: Int) -> LogoDigest {
        LogoDigest("00000000" + String(number, radix: 16)) ?? Self.other
    }

    private static let other = LogoDigest("ffffffff")!

    /// A PNG by its first bytes.
    private func image(_ size: Int, _ mark: UInt8 = 0) throws -> LogoImage {
        let start: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        return try #require(LogoImage(start + [UInt8](repeating: mark, count: size - start.count)))
    }

    @Test(arguments: [
        ("0123abcd", true), (String(repeating: "f", count: 128), true), ("0123abc", false), ("", false),
        (String(repeating: "f", count: 129), false), ("0123ABCD", false), ("0123abcg", false), ("../../../x", false),
        ("0123abcd.png", false), ("0123abc\u{301}d", false), ("٠١٢٣٤٥٦٧", false), ("0123abcd\n", false),
    ])
    func `a digest is 8 to 128 lower-case hex digits`(text: String, isTaken: Bool) {
        #expect((LogoDigest(text)?.description == text) == isTaken)
    }

    @Test(
        arguments: [
            ([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0], "image/png"),
            ([0xFF, 0xD8, 0xFF, 0xE0], "image/jpeg"),
            (Array("RIFF\u{4}\0\0\0WEBPVP8 ".utf8), "image/webp"), ([], nil), ([0x89, 0x50, 0x4E, 0x47], nil),
            ([0xFF, 0xD8], nil), (Array("RIFF\u{4}\0\0\0WAVE".utf8), nil), (Array("RIFF".utf8), nil),
            (Array(" \u{89}PNG\r\n\u{1a}\n".utf8), nil),
            (Array("<svg xmlns=\"http://www.w3.org/2000/svg\"/>".utf8), nil),
            (Array("<!doctype html><script>alert(1)</script>".utf8), nil), (Array("GIF89a".utf8), nil),
        ] as [([UInt8], String?)])
    func `a picture is told by its first bytes`(bytes: [UInt8], type: String?) {
        #expect(LogoImage(bytes)?.format.rawValue == type)
    }

    @Test func `an image is kept for a day, a missing one for 15 minutes, a failure for 30 seconds`() throws {
        for (number, outcome, life) in [
            (1, LogoCache.Outcome.image(try image(100)), 86_400.0), (2, .missing, 900), (3, .failed, 30),
        ] {
            var cache = LogoCache()
            let before = cache.find(digest(number), for: alice, at: start)
            #expect(before == .unknown)
            cache.insert(outcome, for: digest(number), by: alice, at: start)
            let shown: LogoImage? = if case .image(let image) = outcome { image } else { nil }
            let early = cache.find(digest(number), for: alice, at: at(life - 1))
            #expect(early == .known(image: shown))
            let late = cache.find(digest(number), for: alice, at: at(life))
            #expect(late == .unknown)
        }
    }

    @Test func `an image that cannot be fetched again is served on, and one that is gone is not`() throws {
        var cache = LogoCache()
        let image = try image(100)
        cache.insert(.image(image), for: digest(1), by: alice, at: start)
        cache.insert(.failed, for: digest(1), by: bob, at: at(90_000))
        let stale = cache.find(digest(1), for: alice, at: at(90_029))
        #expect(stale == .known(image: image))
        let due = cache.find(digest(1), for: alice, at: at(90_030))
        #expect(due == .unknown)
        cache.insert(.missing, for: digest(1), by: bob, at: at(90_030))
        let gone = cache.find(digest(1), for: alice, at: at(90_031))
        #expect(gone == .known(image: nil))
        #expect(cache.count == 1)
        #expect(cache.cost == LogoCache.overhead)
    }

    @Test(arguments: [0, 1000, 64 << 10])
    func `one client that asks for many digests evicts its own, whatever others use (I18)`(size: Int) throws {
        var cache = LogoCache(budget: 8 << 20, share: 1 << 20)
        // As much as fits beside one share, used by two clients or by one alone.
        var kept: [LogoDigest] = []
        for number in 0..<100 {
            let owner = CallerKey("customer \(number)")
            cache.insert(.image(try image(64 << 10)), for: digest(number), by: owner, at: start)
            if number.isMultiple(of: 2) { _ = cache.find(digest(number), for: bob, at: start) }
            kept.append(digest(number))
        }
        let before = cache.cost
        let outcome: LogoCache.Outcome = size == 0 ? .missing : .image(try image(size))
        for number in 0..<20_000 {
            cache.insert(outcome, for: digest(1_000_000 + number), by: mallory, at: at(1))
        }
        #expect(cache.cost - before <= 1 << 20)
        #expect(cache.cost - before > 900_000)
        for digest in kept {
            let found = cache.find(digest, for: alice, at: at(2))
            #expect(found == .known(image: try image(64 << 10)))
        }
    }

    @Test func `a client's own entries are evicted least recently used first`() throws {
        var cache = LogoCache(budget: 100_000, share: 4 * (1000 + LogoCache.overhead))
        for number in 0..<4 { cache.insert(.image(try image(1000)), for: digest(number), by: alice, at: start) }
        _ = cache.find(digest(0), for: alice, at: at(1))
        cache.insert(.image(try image(1000)), for: digest(4), by: alice, at: at(2))
        let found = (0..<5).map { cache.find(digest($0), for: alice, at: at(3)) != .unknown }
        #expect(found == [true, false, true, true, true])
    }

    @Test func `a full cache evicts the least recently used of all`() throws {
        let cost = 1000 + LogoCache.overhead
        var cache = LogoCache(budget: 4 * cost, share: 2 * cost)
        for (number, owner) in [alice, alice, bob, bob].enumerated() {
            cache.insert(.image(try image(1000)), for: digest(number), by: owner, at: start)
        }
        // In use by another client, so that it counts for none.
        _ = cache.find(digest(0), for: mallory, at: at(1))
        cache.insert(.image(try image(1000)), for: digest(4), by: mallory, at: at(2))
        let found = (0..<5).map { cache.find(digest($0), for: mallory, at: at(3)) != .unknown }
        #expect(found == [true, false, true, true, true])
        #expect(cache.cost == 4 * cost)
    }

    @Test func `what a second client uses no longer counts for the first`() throws {
        let cost = 1000 + LogoCache.overhead
        var cache = LogoCache(budget: 100 * cost, share: 2 * cost)
        for number in 0..<2 { cache.insert(.image(try image(1000)), for: digest(number), by: alice, at: start) }
        for number in 0..<2 { _ = cache.find(digest(number), for: bob, at: at(1)) }
        for number in 2..<4 { cache.insert(.image(try image(1000)), for: digest(number), by: alice, at: at(2)) }
        let found = (0..<4).map { cache.find(digest($0), for: alice, at: at(3)) != .unknown }
        #expect(found == [true, true, true, true])
        // It stays in common use when it is fetched again.
        cache.insert(.image(try image(1000)), for: digest(0), by: alice, at: at(90_000))
        #expect(cache.count == 4)
        #expect(cache.cost == 4 * cost)
    }

    @Test func `its bookkeeping agrees with itself, whatever the order of its uses`() throws {
        var cache = LogoCache(budget: 60_000, share: 20_000)
        var random = SystemRandomNumberGenerator()
        let clients = [alice, bob, mallory]
        for step in 0..<20_000 {
            let digest = digest(Int.random(in: 0..<60, using: &random))
            let client = clients[Int.random(in: 0..<3, using: &random)]
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                let size = Int.random(in: 8..<6000, using: &random)
                cache.insert(.image(try image(size)), for: digest, by: client, at: at(Double(step)))
            case 1: cache.insert(.missing, for: digest, by: client, at: at(Double(step)))
            case 2: cache.insert(.failed, for: digest, by: client, at: at(Double(step)))
            default: _ = cache.find(digest, for: client, at: at(Double(step)))
            }
            try #require(cache.cost >= cache.count * LogoCache.overhead)
            try #require(cache.cost <= 60_000)
            try #require(clients.allSatisfy { cache.cost(of: $0) <= 20_000 })
        }
        #expect(cache.count > 5)
    }
}
