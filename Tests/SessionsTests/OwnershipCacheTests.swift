import Core
import Testing

@testable import Sessions

@Suite struct OwnershipCacheTests {
    let start = ContinuousClock.now
    let alice = Subject("alice")!
    let bob = Subject("bob")!

    private func cache(capacity: Int = 1000, share: Int = 8) -> OwnershipCache {
        var cache = OwnershipCache(capacity: capacity, share: share)
        cache.subscriptionChanged(isActive: true)
        return cache
    }

    private func location(_ number: Int, _ action: RequiredAction? = nil) throws -> OwnedLocation {
        OwnedLocation(try #require(LocationID("loc_\(number)")), action: action)
    }

    private func subject(_ name: String) throws -> Subject { try #require(Subject(name)) }

    /// A read that begins now.
    private func reading(
        of subject: Subject, _ cache: OwnershipCache, at seconds: Double = 0
    ) -> OwnershipCache.Reading {
        .init(of: subject, generation: cache.generation, at: start + .seconds(seconds))
    }

    private func insert(
        _ numbers: Int..., of subject: Subject, into cache: inout OwnershipCache, at seconds: Double = 0
    ) throws {
        cache.insert(all: try numbers.map { try location($0) }, reading(of: subject, cache, at: seconds))
    }

    private func owns(_ subject: Subject, _ number: Int, _ cache: OwnershipCache, at seconds: Double = 0) throws -> Bool
    {
        let id = try location(number).id
        return cache.location(id, of: subject, at: start + .seconds(seconds)) != nil
    }

    private func list(_ subject: Subject, _ cache: OwnershipCache, at seconds: Double = 0) -> [String]? {
        cache.locations(of: subject, at: start + .seconds(seconds))?.map(\.id.text)
    }

    // MARK: - What is kept

    @Test func `a location is the subject's for 5 s from the begin of the read`() throws {
        var cache = cache()
        try insert(1, 2, of: alice, into: &cache)
        #expect(try owns(alice, 1, cache, at: 4.999))
        #expect(list(alice, cache, at: 4.999) == ["loc_1", "loc_2"])
        #expect(try !owns(alice, 1, cache, at: 5))
        #expect(list(alice, cache, at: 5) == nil)
        #expect(try !owns(alice, 3, cache))
        #expect(try !owns(bob, 1, cache))
    }

    @Test func `only "yes" is kept: a subject without locations has no entry`() throws {
        var cache = cache()
        try insert(of: alice, into: &cache)
        #expect(list(alice, cache) == nil)
        #expect(cache.count == 0)
    }

    @Test func `single locations are no list, and the earliest read counts`() throws {
        var cache = cache()
        cache.insert(try location(1), reading(of: alice, cache))
        cache.insert(try location(2), reading(of: alice, cache, at: 4))
        #expect(try owns(alice, 1, cache, at: 4.9) && owns(alice, 2, cache, at: 4.9))
        #expect(try !owns(alice, 2, cache, at: 5))
        #expect(list(alice, cache, at: 4) == nil)
        // Read again after five seconds, it is an entry of its own.
        cache.insert(try location(2), reading(of: alice, cache, at: 6))
        #expect(try owns(alice, 2, cache, at: 10.9))
        #expect(try !owns(alice, 1, cache, at: 6))
        #expect(cache.count == 1)
    }

    @Test func `a location that is read again has its new action, and the list stays as old as it was`() throws {
        var cache = cache()
        try insert(1, 2, of: alice, into: &cache)
        cache.insert(try location(1, .reconnect), reading(of: alice, cache, at: 3))
        let found = cache.location(try location(1).id, of: alice, at: start + .seconds(3))
        #expect(found?.action == .reconnect)
        #expect(list(alice, cache, at: 4.9) == ["loc_1", "loc_2"])
        #expect(list(alice, cache, at: 5) == nil)
        #expect(cache.count == 2)
    }

    // MARK: - Changes

    @Test func `a change of ownership removes the subject's locations, and no one else's (I18)`() throws {
        var cache = cache()
        try insert(1, 2, of: alice, into: &cache)
        try insert(1, of: bob, into: &cache)
        cache.invalidate(SubjectDigest(alice))
        #expect(try !owns(alice, 1, cache) && !owns(alice, 2, cache))
        #expect(try owns(bob, 1, cache))
        #expect(cache.count == 1)
    }

    @Test func `a change of an action removes the location's owners, and no one else`() throws {
        var cache = cache()
        try insert(1, 2, of: alice, into: &cache)
        try insert(2, of: bob, into: &cache)
        let carol = try subject("carol")
        try insert(1, of: carol, into: &cache)
        cache.invalidate(try location(2).id)
        #expect(try !owns(alice, 1, cache) && !owns(bob, 2, cache))
        #expect(try owns(carol, 1, cache))
    }

    enum Change: CaseIterable { case own, others, action, any, lost, subscribed }

    @Test("a read is not kept if anything changed since it began", arguments: Change.allCases)
    func change(_ change: Change) throws {
        var cache = cache()
        let early = reading(of: alice, cache)
        switch change {
        case .own: cache.invalidate(SubjectDigest(alice))
        case .others: cache.invalidate(SubjectDigest(bob))
        case .action: cache.invalidate(try location(1).id)
        case .any: cache.invalidateAll()
        case .lost:
            cache.subscriptionChanged(isActive: false)
            cache.subscriptionChanged(isActive: true)
        case .subscribed: cache.subscriptionChanged(isActive: true)
        }
        cache.insert(try location(1), early)
        cache.insert(all: [try location(1)], early)
        #expect(try !owns(alice, 1, cache))
        #expect(list(alice, cache) == nil)
        try insert(1, of: alice, into: &cache)
        #expect(try owns(alice, 1, cache))
    }

    @Test func `nothing is kept while changes are not notified, nor what was read meanwhile`() throws {
        var cache = OwnershipCache()
        let first = reading(of: alice, cache)
        cache.insert(try location(1), first)
        #expect(try !owns(alice, 1, cache), "no subscription yet")
        cache.subscriptionChanged(isActive: true)
        cache.insert(try location(1), first)
        #expect(try !owns(alice, 1, cache), "read before the subscription")
        try insert(1, of: alice, into: &cache)
        cache.subscriptionChanged(isActive: false)
        #expect(try !owns(alice, 1, cache), "the subscription was lost")
        let second = reading(of: alice, cache)
        cache.insert(all: [try location(1)], second)
        cache.subscriptionChanged(isActive: true)
        cache.insert(all: [try location(1)], second)
        #expect(list(alice, cache) == nil)
        #expect(cache.count == 0)
    }

    // MARK: - Bounds

    @Test("a subject with many locations has its share, and evicts no other subject's (I18)") func share() throws {
        var cache = cache()
        for user in 0..<100 { try insert(user, of: subject("user \(user)"), into: &cache) }
        let mallory = try subject("mallory")
        for number in 0..<5000 {
            cache.insert(try location(number), reading(of: mallory, cache))
            #expect(cache.count <= 108)
            #expect(cache.queueCount <= 64 + 2 * 101)
        }
        cache.insert(all: try (0..<9).map { try location($0) }, reading(of: mallory, cache))
        #expect(list(mallory, cache) == nil, "more than its share")
        for user in 0..<100 { #expect(try owns(subject("user \(user)"), user, cache)) }
        // What it owns last is known; its next one starts anew.
        #expect(try owns(mallory, 4999, cache))
    }

    @Test("a subject whose locations change all the time evicts no other subject's (I18)") func changes() throws {
        var cache = cache()
        for user in 0..<100 { try insert(user, of: subject("user \(user)"), into: &cache) }
        let mallory = try subject("mallory")
        for _ in 0..<1000 {
            try insert(7, 8, 9, of: mallory, into: &cache)
            cache.invalidate(SubjectDigest(mallory))
        }
        for user in 0..<100 { #expect(try owns(subject("user \(user)"), user, cache)) }
        #expect(cache.count == 100)
        #expect(cache.queueCount <= 64 + 2 * 101)
    }

    @Test("in a full cache a subject evicts as many of the oldest as it brings, its share at most (I18)")
    func full() throws {
        var cache = cache(capacity: 10, share: 3)
        for user in 0..<10 { try insert(user, of: subject("user \(user)"), into: &cache) }
        for _ in 0..<100 { try insert(1, 2, 3, of: alice, into: &cache) }
        let left = try (0..<10).filter { try owns(subject("user \($0)"), $0, cache) }
        #expect(left == Array(3..<10))
        #expect(list(alice, cache) == ["loc_1", "loc_2", "loc_3"])
        #expect(cache.count == 10)
    }

    @Test func `old entries are removed as new ones come`() throws {
        var cache = cache()
        for user in 0..<100 { try insert(user, of: subject("user \(user)"), into: &cache) }
        for user in 100..<200 { try insert(user, of: subject("user \(user)"), into: &cache, at: 4.9) }
        #expect(cache.count == 200)
        for user in 200..<300 { try insert(user, of: subject("user \(user)"), into: &cache, at: 5) }
        #expect(cache.count == 200)
    }

    // MARK: - In any order

    @Test func `whatever comes, a "yes" is true as long as changes are notified, and bounds hold`() throws {
        var random = SystemRandomNumberGenerator()
        var cache = OwnershipCache(capacity: 12, share: 3)
        let subjects = try (0..<8).map { try subject("user \($0)") }
        var owned: [Subject: Set<Int>] = [:]
        /// Reads in progress, with what the store said.
        var reads: [(reading: OwnershipCache.Reading, found: [OwnedLocation], isList: Bool)] = []
        var clock = 0.0, isActive = false, hits = 0
        for _ in 0..<20_000 {
            clock += Double.random(in: 0..<0.1, using: &random)
            let subject = subjects[Int.random(in: 0..<8, using: &random)]
            let number = Int.random(in: 0..<4, using: &random), own = (owned[subject] ?? []).sorted()
            switch Int.random(in: 0..<1000, using: &random) {
            case 0..<350:
                let isList = Bool.random(using: &random)
                let found = try own.filter { isList || $0 == number }.map { try location($0) }
                reads.append((reading(of: subject, cache, at: clock), found, isList))
            case 350..<700:
                // Mostly one of the last, so that some are kept.
                guard let index = reads.indices.suffix(4).randomElement(using: &random) else { continue }
                let read = reads.remove(at: index)
                if read.isList { cache.insert(all: read.found, read.reading) }
                if !read.isList, let location = read.found.first { cache.insert(location, read.reading) }
            case 700..<740:
                owned[subject, default: []].formSymmetricDifference([number])
                if isActive { cache.invalidate(SubjectDigest(subject)) }
            case 740..<743:
                isActive.toggle()
                cache.subscriptionChanged(isActive: isActive)
            default:
                if try owns(subject, number, cache, at: clock) {
                    hits += 1
                    #expect(own.contains(number))
                }
                if let list = list(subject, cache, at: clock) {
                    hits += 1
                    #expect(list == own.map { "loc_\($0)" })
                }
                #expect(cache.count <= 12)
                #expect(cache.queueCount <= 64 + 2 * 8)
            }
        }
        #expect(hits > 100)
    }
}
