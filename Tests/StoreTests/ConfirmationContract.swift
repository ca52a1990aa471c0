import Core
import Flatpeak
import Foundation
import Keys
import Logging
import TestSupport
import Testing

@testable import Sessions
@testable import Store

/// Confirmations in every store.
extension SessionStoreContract {
    func toConfirm(
        _ number: UInt8, location: String? = nil, action: TariffAction? = nil,
        slot: TariffSlot = TariffSlot(direction: .importing, type: .commodity), facts: SessionFacts = SessionFacts()
    ) throws -> ConnectSession {
        var session = ConnectSession(
            id: SessionID(prefix: "cs", random: Array(repeating: number, count: 12)), subject: alice,
            connectToken: try #require(ConnectToken("cot_\(number)")), slot: slot,
            mintedLocation: try location.map { try #require(LocationID($0)) }, mintedAction: action, returnURL: nil,
            liveMode: false, needsConfirmation: true, createdAt: start, expiresAt: start + 86400)
        session.facts = facts
        return session
    }

    static func code(_ number: UInt8) -> ConfirmationCode {
        ConfirmationCode { count in [UInt8](repeating: number, count: count) }
    }

    /// Facts of a session that has ended with a location.
    private func ended(_ location: String, at instant: Date) throws -> SessionFacts {
        var facts = try located(location, since: instant)
        facts.leftAt = instant
        return facts
    }

    /// Facts of a session that changed the tariff of an existing location, as far as is known.
    /// - Parameter isReplaced: Whether it is known to have replaced it.
    func changed(at instant: Date, isReplaced: Bool = true) -> SessionFacts {
        var facts = SessionFacts()
        facts.relayed = true
        facts.answeredAt = instant
        facts.settledAt = instant
        facts.replacedAt = isReplaced ? instant : nil
        facts.leftAt = instant
        return facts
    }

    /// Gives a code to the holder, and redeems it.
    private func confirm(_ session: ConnectSession, in store: any ServiceStore, at now: Date) async throws {
        let holder = try Self.holder(7), code = Self.code(session.id.text.utf8.last ?? 0)
        _ = try await store.setHolder(holder, of: session.id, replacing: nil)
        #expect(try await store.take(.issue(code, to: holder), of: session.id, at: now)?.verdict == .issued)
        #expect(try await store.take(.redeem(code, by: alice), of: session.id, at: now)?.verdict == .redeemed)
    }

    @Test(arguments: Engine.allCases)
    func `a session binds its location, and has its event, once a code is redeemed`(engine: Engine) async throws {
        let store = try await store(engine), holder = try Self.holder(7)
        var session = try toConfirm(1)
        let location = try #require(LocationID("loc_1"))
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        #expect(try await store.session(session.id)?.needsConfirmation == true)
        session.facts.merge(try ended("loc_1", at: start))
        session.facts.status = .init(value: .connected, at: start)
        _ = try await store.save([SessionWrite(session, isNew: false)], at: start + 1)
        #expect(try await !store.owns(alice, location))
        #expect(try await store.events(limit: 9).isEmpty)

        #expect(try await store.take(.issue(Self.code(1), to: holder), of: session.id, at: start)?.verdict == .notHeld)
        #expect(try await store.setHolder(holder, of: session.id, replacing: nil))
        for number in UInt8(1)...2 {
            let issued = try await store.take(.issue(Self.code(number), to: holder), of: session.id, at: start + 2)
            #expect(issued?.verdict == .issued)
        }
        let wrong = try await store.take(.redeem(Self.code(9), by: alice), of: session.id, at: start + 3)
        #expect(wrong?.verdict == .unknown)
        let stranger = try await store.take(.redeem(Self.code(1), by: bob), of: session.id, at: start + 3)
        #expect(stranger?.verdict == .notOwned)
        #expect(try await !store.owns(bob, location))
        #expect(try await !store.owns(alice, location))

        let redeemed = try await store.take(.redeem(Self.code(1), by: alice), of: session.id, at: start + 4)
        #expect(redeemed?.verdict == .redeemed)
        #expect(redeemed?.session.facts.confirmedAt == start + 4)
        #expect(try await store.owns(alice, location))
        #expect(try await store.events(limit: 9).map(\.event.event.type) == ["session.connected"])
        #expect(try await store.session(session.id)?.isConfirmed == true)
        let again = try await store.take(.redeem(Self.code(1), by: alice), of: session.id, at: start + 5)
        #expect(again?.verdict == .redeemedBefore)
        let other = try await store.take(.redeem(Self.code(2), by: alice), of: session.id, at: start + 5)
        #expect(other?.verdict == .used)
        // A write of older facts takes nothing back.
        _ = try await store.save([SessionWrite(session, isNew: false)], at: start + 6)
        #expect(try await store.session(session.id)?.isConfirmed == true)
        #expect(try await store.events(limit: 9).count == 1)

        let unknown = SessionID(prefix: "cs", random: Array(repeating: 99, count: 12))
        #expect(try await store.take(.redeem(Self.code(1), by: alice), of: unknown, at: start) == nil)
    }

    @Test(arguments: Engine.allCases)
    func `of many redemptions at once one confirms`(engine: Engine) async throws {
        let store = try await store(engine), holder = try Self.holder(7)
        let session = try toConfirm(1, facts: try ended("loc_1", at: start))
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        _ = try await store.setHolder(holder, of: session.id, replacing: nil)
        for number in UInt8(1)...5 {
            _ = try await store.take(.issue(Self.code(number), to: holder), of: session.id, at: start)
        }
        let (alice, start) = (alice, start)
        let verdicts = try await withThrowingTaskGroup(of: ConfirmationChange.Verdict?.self) { group in
            for number in UInt8(1)...5 {
                group.addTask {
                    try await store.take(.redeem(Self.code(number), by: alice), of: session.id, at: start)?.verdict
                }
            }
            return try await group.reduce(into: [ConfirmationChange.Verdict?]()) { $0.append($1) }
        }
        #expect(verdicts.count { $0 == .redeemed } == 1)
        #expect(verdicts.count { $0 == .used } == 4)
    }

    @Test(arguments: Engine.allCases)
    func `another holder ends the codes of the one before`(engine: Engine) async throws {
        let store = try await store(engine), holders = (try Self.holder(7), try Self.holder(8))
        var session = try toConfirm(1)
        session.facts = try ended("loc_1", at: start)
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        _ = try await store.setHolder(holders.0, of: session.id, replacing: nil)
        _ = try await store.take(.issue(Self.code(1), to: holders.0), of: session.id, at: start)
        #expect(try await !store.setHolder(holders.1, of: session.id, replacing: nil), "it has a holder")
        #expect(try await store.setHolder(holders.1, of: session.id, replacing: holders.0))
        let early = try await store.take(.redeem(Self.code(1), by: alice), of: session.id, at: start + 1)
        #expect(early?.verdict == .unknown)
        _ = try await store.take(.issue(Self.code(2), to: holders.1), of: session.id, at: start + 2)
        let own = try await store.take(.redeem(Self.code(2), by: alice), of: session.id, at: start + 3)
        #expect(own?.verdict == .redeemed)
    }

    @Test(arguments: Engine.allCases)
    func `a foreign session loses the location that it bound, and no other`(engine: Engine) async throws {
        let store = try await store(engine)
        var first = try toConfirm(1), second = try toConfirm(2)
        for (session, name) in [(first, "loc_1"), (second, "loc_2")] {
            var session = session
            session.facts = try ended(name, at: start)
            _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
            try await confirm(session, in: store, at: start + 1)
        }
        #expect(try await store.locations(of: alice).map(\.text) == ["loc_1", "loc_2"])
        first.facts.foreignAt = start + 2
        _ = try await store.save([SessionWrite(first, isNew: false)], at: start + 2)
        #expect(try await store.locations(of: alice).map(\.text) == ["loc_2"])
        // A location that another session had bound before stays.
        var third = try toConfirm(3)
        third.facts = try ended("loc_2", at: start)
        _ = try await store.save([SessionWrite(third, isNew: true)], at: start + 3)
        try await confirm(third, in: store, at: start + 3)
        third.facts.foreignAt = start + 4
        _ = try await store.save([SessionWrite(third, isNew: false)], at: start + 4)
        #expect(try await store.locations(of: alice).map(\.text) == ["loc_2"])
        second.facts.foreignAt = start + 5
        _ = try await store.save([SessionWrite(second, isNew: false)], at: start + 5)
        #expect(try await store.locations(of: alice).isEmpty)
    }

    @Test(arguments: Engine.allCases)
    func `an unconfirmed change holds a location until it, or a later one of its slot, is confirmed`(
        engine: Engine
    ) async throws {
        let store = try await store(engine), location = try #require(LocationID("loc_1"))
        let isHeld = { [alice] in try await store.ownedLocation(location, of: alice)?.isHeld }
        var owner = try session(9)
        owner.facts = try located("loc_1", since: start)
        _ = try await store.save([SessionWrite(owner, isNew: true)], at: start)
        #expect(try await isHeld() == false)

        var first = try toConfirm(1, location: "loc_1", action: .edit)
        var second = try toConfirm(2, location: "loc_1", action: .edit)
        let export = TariffSlot(direction: .exporting, type: .commodity)
        var other = try toConfirm(3, location: "loc_1", slot: export)
        for session in [first, second, other] {
            _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        }
        #expect(try await isHeld() == false, "a mint holds nothing")
        first.facts = changed(at: start + 10)
        _ = try await store.save([SessionWrite(first, isNew: false)], at: start + 10)
        #expect(try await isHeld() == true)
        #expect(try await store.ownedLocations(of: alice).map(\.isHeld) == [true])

        // A confirmed change of another slot replaces nothing of it.
        other.facts = changed(at: start + 20)
        _ = try await store.save([SessionWrite(other, isNew: false)], at: start + 20)
        try await confirm(other, in: store, at: start + 21)
        #expect(try await isHeld() == true)
        // A later one of the same slot does.
        second.facts = changed(at: start + 30)
        _ = try await store.save([SessionWrite(second, isNew: false)], at: start + 30)
        #expect(try await isHeld() == true)
        try await confirm(second, in: store, at: start + 31)
        #expect(try await isHeld() == false)

        // What came after the confirmed change stays held.
        var third = try toConfirm(4, location: "loc_1", action: .edit)
        var fourth = try toConfirm(5, location: "loc_1", action: .edit)
        third.facts = changed(at: start + 40)
        fourth.facts = changed(at: start + 50)
        _ = try await store.save([SessionWrite(third, isNew: true)], at: start + 40)
        _ = try await store.save([SessionWrite(fourth, isNew: true)], at: start + 50)
        try await confirm(third, in: store, at: start + 60)
        #expect(try await isHeld() == true)
        // A foreign one is never confirmed.
        fourth.facts.foreignAt = start + 70
        _ = try await store.save([SessionWrite(fourth, isNew: false)], at: start + 70)
        #expect(try await isHeld() == true)
        // Removed sessions leave the hold where there is an owner.
        _ = try await store.removeSessions(before: start + 1, at: start + 90 * 86400)
        #expect(try await isHeld() == true)
        // A confirmed disconnect ends it.
        var last = try toConfirm(6, location: "loc_1", action: .disconnect)
        last.facts = try ended("loc_1", at: start + 80)
        last.facts.disconnectAsked = true
        last.facts.status = .init(value: .notConnected, at: start + 80)
        _ = try await store.save([SessionWrite(last, isNew: true)], at: start + 80)
        #expect(try await isHeld() == true)
        try await confirm(last, in: store, at: start + 81)
        #expect(try await isHeld() == false)
    }

    /// A store in which alice owns a location.
    private func storeWithLocation(_ engine: Engine) async throws -> any ServiceStore {
        let store = try await store(engine)
        var owner = try session(9)
        owner.facts = try located("loc_1", since: start)
        _ = try await store.save([SessionWrite(owner, isNew: true)], at: start)
        return store
    }

    @Test(arguments: Engine.allCases)
    func `a confirmed session ends no hold of a tariff that it did not replace since`(engine: Engine) async throws {
        let store = try await storeWithLocation(engine), location = try #require(LocationID("loc_1"))
        let isHeld = { [alice] in try await store.ownedLocation(location, of: alice)?.isHeld }
        // A disconnect of before, which is confirmed late.
        var old = try toConfirm(1, location: "loc_1", action: .disconnect)
        old.facts = try ended("loc_1", at: start + 5)
        old.facts.disconnectAsked = true
        old.facts.status = .init(value: .notConnected, at: start + 5)
        _ = try await store.save([SessionWrite(old, isNew: true)], at: start + 5)
        var held = try toConfirm(2, location: "loc_1", action: .edit)
        held.facts = changed(at: start + 10)
        _ = try await store.save([SessionWrite(held, isNew: true)], at: start + 10)
        try await confirm(old, in: store, at: start + 20)
        #expect(try await isHeld() == true, "an old disconnect")
        // An edit that was left half-way.
        var halfWay = try toConfirm(3, location: "loc_1", action: .edit)
        halfWay.facts = changed(at: start + 30, isReplaced: false)
        _ = try await store.save([SessionWrite(halfWay, isNew: true)], at: start + 30)
        try await confirm(halfWay, in: store, at: start + 31)
        #expect(try await isHeld() == true, "half-way")
        try await confirm(held, in: store, at: start + 40)
        #expect(try await isHeld() == false, "its own")
    }

    @Test(arguments: Engine.allCases)
    func `a further change of a session holds the location again`(engine: Engine) async throws {
        let store = try await storeWithLocation(engine), location = try #require(LocationID("loc_1"))
        let isHeld = { [alice] in try await store.ownedLocation(location, of: alice)?.isHeld }
        var first = try toConfirm(1, location: "loc_1", action: .edit)
        first.facts = changed(at: start + 10)
        _ = try await store.save([SessionWrite(first, isNew: true)], at: start + 10)
        var second = try toConfirm(2, location: "loc_1", action: .edit)
        second.facts = changed(at: start + 20)
        _ = try await store.save([SessionWrite(second, isNew: true)], at: start + 20)
        try await confirm(second, in: store, at: start + 21)
        #expect(try await isHeld() == false)
        let more: [(inout SessionFacts, Date) -> Void] = [
            { $0.settledAt = $1 }, { $0.leftAt = $1 }, { $0.completedAt = $1 }, { $0.foreignAt = $1 },
        ]
        for (index, add) in more.enumerated() {
            let instant = start + 100 * Double(index + 1)
            add(&first.facts, instant)
            _ = try await store.save([SessionWrite(first, isNew: false)], at: instant)
            #expect(try await isHeld() == true, "\(index)")
            // What is newer than another's change stays held, and what is older does not.
            for (seconds, isStillHeld) in [(ConnectSession.clockSkew, true), (ConnectSession.clockSkew + 1, false)] {
                var next = try toConfirm(
                    UInt8(10 + 2 * index + (isStillHeld ? 0 : 1)), location: "loc_1", action: .edit)
                next.facts = changed(at: instant + seconds)
                _ = try await store.save([SessionWrite(next, isNew: true)], at: instant + 7)
                try await confirm(next, in: store, at: instant + 8)
                #expect(try await isHeld() == isStillHeld, "\(index), \(seconds)")
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func `a login that is under way holds the location over another's replacement, until its result shows`(
        engine: Engine
    ) async throws {
        let store = try await storeWithLocation(engine), location = try #require(LocationID("loc_1"))
        let isHeld = { [alice] in try await store.ownedLocation(location, of: alice)?.isHeld }
        var login = try toConfirm(1, location: "loc_1", action: .edit)
        login.facts.answeredAt = start + 10
        (login.facts.settledAt, login.facts.providerAt) = (start + 10, start + 10)
        _ = try await store.save([SessionWrite(login, isNew: true)], at: start + 10)
        func replace(_ number: UInt8, at instant: Date) async throws {
            var next = try toConfirm(number, location: "loc_1", action: .edit)
            next.facts = changed(at: instant)
            _ = try await store.save([SessionWrite(next, isNew: true)], at: instant)
            try await confirm(next, in: store, at: instant + 1)
        }
        try await replace(2, at: start + 20)
        #expect(try await isHeld() == true)
        (login.facts.settledAt, login.facts.summaryAt) = (start + 30, start + 30)
        _ = try await store.save([SessionWrite(login, isNew: false)], at: start + 30)
        #expect(try await isHeld() == true)
        try await replace(3, at: start + 40)
        #expect(try await isHeld() == false)
        // One that never came back is over with its token and what a provider may take.
        var lost = try toConfirm(4, location: "loc_1", action: .edit)
        lost.facts.answeredAt = start + 50
        (lost.facts.settledAt, lost.facts.providerAt) = (start + 50, start + 50)
        _ = try await store.save([SessionWrite(lost, isNew: true)], at: start + 50)
        try await replace(5, at: lost.expiresAt - 60)
        #expect(try await isHeld() == true)
        var late = try toConfirm(6, location: "loc_1", action: .edit)
        late.facts = changed(at: lost.expiresAt + ConnectSession.pendingLimit + ConnectSession.clockSkew + 1)
        late.facts.confirmedAt = late.facts.replacedAt
        _ = try await store.save([SessionWrite(late, isNew: true)], at: lost.expiresAt + 200_000)
        #expect(try await isHeld() == false)
    }

    @Test(arguments: Engine.allCases)
    func `a session without a location that leads to one with owners holds it for all of them`(
        engine: Engine
    ) async throws {
        let store = try await storeWithLocation(engine), location = try #require(LocationID("loc_1"))
        var session = try toConfirm(1)
        session.facts = try ended("loc_1", at: start + 10)
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start + 10)
        #expect(try await store.ownedLocation(location, of: alice)?.isHeld == true)
        try await confirm(session, in: store, at: start + 20)
        #expect(try await store.ownedLocation(location, of: alice)?.isHeld == false)
        session.facts.foreignAt = start + 30
        _ = try await store.save([SessionWrite(session, isNew: false)], at: start + 30)
        #expect(try await store.ownedLocation(location, of: alice)?.isHeld == true)
    }

    @Test(arguments: Engine.allCases)
    func `holds and releases of one batch come in the order of its writes`(engine: Engine) async throws {
        let store = try await store(engine)
        var writes: [SessionWrite] = [], expected: [Bool] = []
        for (index, isHoldFirst) in [true, true, false, false].enumerated() {
            let number = UInt8(10 + 2 * index), name = "loc_\(index)"
            var owner = try session(number + 100)
            owner.facts = try located(name, since: start)
            _ = try await store.save([SessionWrite(owner, isNew: true)], at: start)
            // The order of the ids says nothing.
            let (first, second) = index.isMultiple(of: 2) ? (number, number + 1) : (number + 1, number)
            let held = try toConfirm(first, location: name, action: .edit, facts: changed(at: start + 10))
            var next = try toConfirm(second, location: name, action: .edit, facts: changed(at: start + 20))
            next.facts.confirmedAt = start + 30
            let both = [SessionWrite(held, isNew: true), SessionWrite(next, isNew: true)]
            writes += isHoldFirst ? both : both.reversed()
            expected.append(!isHoldFirst)
        }
        _ = try await store.save(writes, at: start + 30)
        #expect(try await store.ownedLocations(of: alice).map(\.isHeld) == expected)
    }
}

/// One property over shuffled histories: a location can be read if and only if a code of its session was redeemed while
/// that could be, and the session is not foreign.
@Suite struct ConfirmationPropertyTests {
    enum Engine: CaseIterable { case memory, sqlite }

    private enum Step: CaseIterable {
        case callback, strangersCallback, webhook, redeem, redeemAgain, redeemAsOther, guess, restart, arriveElsewhere
        case arriveHere, handOver, complete, tenMinutes, expire
    }

    /// One process of the service.
    struct Node {
        let cache: SessionCache
        let sessions: Sessions
        let watching: Task<Void, Never>

        init(_ store: any ServiceStore, _ upstream: ScriptedUpstream, _ clock: TestClock) {
            let cache = SessionCache(
                store: store, now: { clock.wall }, time: clock.time, clock: ContinuousClock(), timeout: .seconds(30),
                logger: .silent)
            let flatpeak = FlatpeakClient.scripted(upstream)
            let reads = LocationReads(flatpeak: flatpeak, cache: cache, time: clock.time, now: { clock.wall })
            sessions = Sessions(
                flatpeak: flatpeak, cache: cache, reads: reads,
                settings: SessionSettings(
                    callbackURL: "https://bff.example/v1/connect/callback",
                    apps: [ConnectApp(hostedAt: "https://bff.example")], returnURLs: ["https://app.example"],
                    confirmation: .required),
                now: { clock.wall }, time: clock.time, clock: ContinuousClock(),
                randomBytes: { count in (0..<count).map { _ in UInt8.random(in: .min ... .max) } }, logger: .silent)
            self.cache = cache
            watching = Task { await cache.watch() }
        }
    }

    let folder = TemporaryFolder()
    let alice = Subject("alice")!
    let bob = Subject("bob")!

    func store(_ engine: Engine, _ number: Int) throws -> any ServiceStore {
        switch engine {
        case .memory: InMemoryStore()
        case .sqlite:
            try SQLiteStore(
                path: "\(folder.path)/store-\(number).sqlite",
                keys: SealingKeys([SQLiteStore.key]) { count in
                    (0..<count).map { _ in UInt8.random(in: .min ... .max) }
                }, logger: .silent)
        }
    }

    @Test(arguments: Engine.allCases)
    func `a location is never readable before its confirmation, and always after it`(engine: Engine) async throws {
        for seed in 0..<(engine == .memory ? 150 : 15) {
            var random = SeededGenerator(seed: UInt64(seed))
            try await check(try store(engine, seed), seed, &random)
        }
    }

    private func check(_ store: any ServiceStore, _ seed: Int, _ random: inout SeededGenerator) async throws {
        let upstream = ScriptedUpstream(), clock = TestClock()
        upstream.on("mint", .json(#"{"connect_token":"cot_a","expires_in":86400,"live_mode":false}"#))
        let located = #"{"location_id":"loc_1","price_available":true}"#
        // Half of the sessions begin before their customer has completed anything.
        var isCompleted = seed.isMultiple(of: 2)
        upstream.on("claim", isCompleted ? .json(located) : .json(#"{"message":"processing"}"#, status: 422))
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        var nodes = (0..<2).map { _ in Node(store, upstream, clock) }
        defer { for node in nodes { node.watching.cancel() } }
        let location = try #require(LocationID("loc_1"))
        let holder = try SessionStoreContract.holder(1), stranger = try SessionStoreContract.holder(2)

        let launch = try await nodes[0].sessions.minter.mint(Array("{}".utf8), as: nil, for: alice)
        let session = launch.session
        try #require(session.needsConfirmation)
        _ = try await nodes[1].sessions.tickets.exchange(Ticket(for: session, after: nil), by: holder)

        // The model.
        var codes: [(code: ConfirmationCode, at: Date)] = []
        var isLocated = false, isConfirmed = false, isForeign = false
        var history: [Step] = []
        for _ in 0..<14 {
            guard let step = Step.allCases.randomElement(using: &random) else { return }
            history.append(step)
            let index = Int.random(in: 0..<2, using: &random), node = nodes[index], now = clock.wall
            let isOver = now >= session.expiresAt
            switch step {
            case .callback, .strangersCallback:
                let result = try await node.sessions.confirmation.end(
                    session.connectToken, in: step == .callback ? holder : stranger)
                // A token that is over is claimed no more, and neither is that of a foreign session.
                if isCompleted, !isOver, !isForeign { isLocated = true }
                let isCodeDue = step == .callback && isLocated && !isConfirmed && !isForeign && !isOver
                #expect((result.code != nil) == isCodeDue, "seed \(seed): \(history)")
                if let code = result.code { codes.append((code, now)) }
            case .webhook:
                _ = try await node.sessions.outcomes.handleCompletion(of: session.connectToken)
                if isCompleted, !isOver, !isForeign { isLocated = true }
            case .redeem, .redeemAgain:
                guard let given = step == .redeem ? codes.last : codes.first else { break }
                let isAlive = codes.suffix(5).contains { $0.code.exposed == given.code.exposed }
                let confirmed = try? await node.sessions.confirmation.redeem(given.code, of: session.id, by: alice)
                if !isConfirmed, !isForeign, !isOver, isAlive, now < given.at + 600 {
                    #expect(confirmed?.isConfirmed == true, "seed \(seed): \(history)")
                    isConfirmed = true
                }
            case .redeemAsOther:
                guard let given = codes.last else { break }
                await #expect(throws: BFFError.notFound) {
                    try await node.sessions.confirmation.redeem(given.code, of: session.id, by: bob)
                }
            case .guess:
                let guess = ConfirmationCode { count in [UInt8](repeating: 0xEE, count: count) }
                await #expect(throws: BFFError.self) {
                    try await node.sessions.confirmation.redeem(guess, of: session.id, by: alice)
                }
            case .restart:
                await node.sessions.finish()
                node.watching.cancel()
                nodes[index] = Node(store, upstream, clock)
            case .arriveElsewhere:
                // Seldom, or there would be little else to see.
                guard Bool.random(using: &random) else { break }
                #expect(try await !node.sessions.confirmation.arrive(session.connectToken, in: stranger))
                if !isOver { isForeign = true }
            case .arriveHere:
                #expect(try await node.sessions.confirmation.arrive(session.connectToken, in: holder))
            case .handOver:
                // The holder can compute this ticket.
                let forged = Ticket(for: session, after: holder)
                await #expect(throws: isOver ? BFFError.ticketExpired : .ticketUsed, "seed \(seed): \(history)") {
                    try await node.sessions.tickets.exchange(forged, by: stranger)
                }
            case .complete:
                isCompleted = true
                upstream.on("claim", .json(located))
            case .tenMinutes: clock.advance(by: 600)
            case .expire:
                guard Int.random(in: 0..<4, using: &random) == 0 else { break }
                clock.advance(by: 86400)
            }
            clock.advance(by: 1)
            for node in nodes {
                #expect(await node.cache.isPersisted(session.id))
                let found = try await node.cache.session(session.id)
                let outcome = try #require(found).outcome(at: clock.wall)
                let isReadable = try await node.cache.mayRead(location, for: alice)
                let isExpected = isLocated && isConfirmed && !isForeign
                #expect(isReadable == isExpected, "seed \(seed): \(history)")
                #expect((outcome.location != nil) == isExpected, "seed \(seed): \(history)")
                #expect(try await !node.cache.mayRead(location, for: bob))
            }
            let types = try await store.events(limit: 20).map(\.event.event.type)
            if !isConfirmed { #expect(!types.contains("session.connected"), "seed \(seed): \(history)") }
        }
    }
}

/// A generator of the test's own (SplitMix64), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
