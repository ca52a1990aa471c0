import Core
import Flatpeak
import Foundation
import TestSupport
import Testing

@testable import Sessions

/// Ownership between memory and a store whose answers and notifications a test holds back or drops.
@Suite struct OwnershipLookupTests {
    let clock = TestClock()
    let store = InMemoryStore()
    let cache: SessionCache
    let lookup: OwnershipLookup
    let alice = Subject("alice")!
    let bob = Subject("bob")!
    let location = LocationID("loc_1")!

    init() {
        cache = SessionCache(
            store: store, time: clock.time, clock: ContinuousClock(), timeout: .seconds(60), logger: .silent)
        lookup = cache.ownership
        lookup.apply(.subscribed)
        store.bind(location, to: alice)
    }

    private func mayRead(_ subject: Subject? = nil) async throws -> Bool {
        try await cache.mayRead(location, for: subject ?? alice)
    }

    @Test func `an owner's reads within 5 s read the store once, and a stranger's each time`() async throws {
        for _ in 0..<9 { #expect(try await mayRead()) }
        #expect(store.locationReads == 1)
        clock.advance(by: 4.9)
        #expect(try await mayRead())
        #expect(store.locationReads == 1)
        clock.advance(by: 0.1)
        #expect(try await mayRead())
        #expect(store.locationReads == 2)
        for _ in 0..<3 { #expect(try await mayRead(bob) == false) }
        #expect(store.locationReads == 5)
    }

    @Test func `a list answers the reads of its locations, and their actions`() async throws {
        let action = LocationAction(location: location, required: .reconnect, tariff: nil, since: clock.wall)
        try await require(action)
        #expect(try await cache.locations(of: alice) == [OwnedLocation(location, action: .reconnect)])
        #expect(try await mayRead())
        #expect(try await cache.requiredAction(at: location, for: alice) == .reconnect)
        #expect(try await cache.locations(of: alice).count == 1)
        #expect(store.locationReads == 1)
    }

    @Test func `what changes something is decided by the store`() async throws {
        #expect(try await mayRead())
        store.unbindSilently(alice)
        #expect(try await cache.owns(alice, location) == false)
    }

    /// Makes an action necessary, as an event does.
    private func require(_ action: LocationAction) async throws {
        let id = try #require(EventID("evt_\(action.since.timeIntervalSince1970)".replacing(".", with: "_")))
        _ = try await store.receive([.init(id: id, type: "a.b", body: [], digest: nil, receivedAt: clock.wall)])
        #expect(try await store.settle(id, EventEffect(action: action)))
    }

    // MARK: - Bounds (docs/security.md)

    /// Runs `body` while the cache watches the store.
    private func watching(_ body: () async throws -> Void) async throws {
        #expect(try await mayRead())
        let watch = Task { [cache] in await cache.watch() }
        // The subscription ends what was read before.
        try await until { lookup.cached(location, of: alice) == nil }
        try await body()
        watch.cancel()
        await watch.value
    }

    enum Change: CaseIterable { case unbind, forget, bind, action, done }

    @Test("a change in this process holds for the next read", arguments: Change.allCases)
    func change(_ change: Change) async throws {
        try await watching {
            let action = LocationAction(location: location, required: .reconnect, tariff: nil, since: clock.wall)
            if change == .done { try await require(action) }
            #expect(try await cache.locations(of: alice).count == 1)
            switch change {
            case .unbind:
                _ = try await store.unbind(location, from: alice)
                #expect(try await mayRead() == false)
                #expect(try await cache.locations(of: alice).isEmpty)
            case .forget:
                _ = try await store.forget(alice)
                #expect(try await mayRead() == false)
                #expect(try await cache.locations(of: alice).isEmpty)
            case .bind:
                store.bind(try #require(LocationID("loc_2")), to: alice)
                #expect(try await cache.locations(of: alice).count == 2)
            case .action:
                try await require(action)
                #expect(try await cache.requiredAction(at: location, for: alice) == .reconnect)
                #expect(try await cache.locations(of: alice).map(\.action) == [.reconnect])
            case .done:
                #expect(try await cache.requiredAction(at: location, for: alice) == .reconnect)
                try await store.clearAction(at: location, knownBefore: clock.wall + 1)
                #expect(try await cache.requiredAction(at: location, for: alice) == nil)
                #expect(try await cache.locations(of: alice).map(\.action) == [nil])
            }
        }
    }

    @Test func `a change that no notification reports holds after 5 s, from the begin of the read`() async throws {
        let clock = clock
        // The answer takes 2 s of them.
        store.answersLocations = { clock.advance(by: 2) }
        #expect(try await mayRead())
        store.answersLocations = nil
        store.unbindSilently(alice)
        clock.advance(by: 2.5)
        #expect(try await mayRead())
        clock.advance(by: 0.5)
        #expect(try await mayRead() == false)
    }

    @Test func `lost notifications end everything at once, and nothing is kept before they are received again`()
        async throws
    {
        #expect(try await mayRead())
        lookup.apply(.unsubscribed)
        store.unbindSilently(alice)
        #expect(try await mayRead() == false)
        store.bind(location, to: alice)
        for _ in 0..<3 { #expect(try await mayRead()) }
        #expect(store.locationReads == 5, "read each time")
        lookup.apply(.subscribed)
        for _ in 0..<3 { #expect(try await mayRead()) }
        #expect(store.locationReads == 6)
    }

    @Test func `the end of the watch is the end of everything in memory`() async throws {
        try await watching { () async throws in #expect(try await mayRead()) }
        #expect(lookup.cached(location, of: alice) == nil)
        _ = try await mayRead()
        #expect(lookup.cached(location, of: alice) == nil)
    }

    // MARK: - Races

    /// Reads from a store whose answer, a "yes", is late by the time that `meanwhile` takes.
    private func read(isList: Bool, meanwhile: () async throws -> Void) async throws {
        let (gate, asked) = (Gate(), Gate())
        store.answersLocations = {
            await asked.open()
            await gate.wait()
        }
        let read = Task { [cache, alice, location] in
            isList
                ? try await cache.locations(of: alice).map(\.id) == [location]
                : try await cache.mayRead(location, for: alice)
        }
        await asked.wait()
        try await meanwhile()
        await gate.open()
        #expect(try await read.value, "the store said so when it was asked")
        store.answersLocations = nil
    }

    @Test(arguments: [true, false])
    func `an unbind that commits between the read of the store and its end leaves no "yes" behind`(isList: Bool)
        async throws
    {
        try await watching {
            try await read(isList: isList) { () async throws in
                #expect(try await store.unbind(location, from: alice))
            }
            #expect(lookup.cached(location, of: alice) == nil)
            #expect(lookup.cachedLocations(of: alice) == nil)
            #expect(try await mayRead() == false)
        }
    }

    @Test(arguments: [true, false])
    func `a read that began before the subscription leaves no "yes" behind, as an unbind may have been missed`(
        isList: Bool
    ) async throws {
        lookup.apply(.unsubscribed)
        try await read(isList: isList) {
            store.unbindSilently(alice)
            lookup.apply(.subscribed)
        }
        #expect(try await mayRead() == false)
    }

    @Test(arguments: [true, false])
    func `a read over which the subscription was lost and is back leaves no "yes" behind`(isList: Bool) async throws {
        try await read(isList: isList) {
            lookup.apply(.unsubscribed)
            store.unbindSilently(alice)
            lookup.apply(.subscribed)
        }
        #expect(try await mayRead() == false)
    }

    @Test func `a "yes" that is late for its caller is cached as of the begin of the read`() async throws {
        let impatient = SessionCache(
            store: store, time: clock.time, clock: ContinuousClock(), timeout: .milliseconds(10), logger: .silent)
        impatient.ownership.apply(.subscribed)
        let gate = Gate()
        store.answersLocations = { await gate.wait() }
        await #expect(throws: BFFError.storeUnavailable) { try await impatient.mayRead(location, for: alice) }
        clock.advance(by: 3)
        await gate.open()
        try await until { impatient.ownership.cached(location, of: alice) != nil }
        clock.advance(by: 2)
        #expect(impatient.ownership.cached(location, of: alice) == nil)
    }

    @Test func `changes that cannot be detected now mean a read of the store`() async throws {
        #expect(try await mayRead())
        store.detectsChanges = false
        #expect(try await mayRead())
        #expect(store.locationReads == 2)
        store.unbindSilently(alice)
        #expect(try await mayRead() == false)
    }

    @Test func `an outage of the store ends no "yes" before its time, and there is none afterwards`() async throws {
        #expect(try await mayRead())
        store.isAway = true
        #expect(try await mayRead())
        clock.advance(by: 5)
        await #expect(throws: BFFError.storeUnavailable) { try await mayRead() }
    }
}
