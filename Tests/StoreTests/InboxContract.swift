import Core
import Flatpeak
import Foundation
import Keys
import Sessions
import Store
import TestSupport
import Testing

/// What every inbox must do; each engine runs it.
@Suite struct InboxContract {
    let folder = TemporaryFolder()
    let alice = Subject("alice")!
    let bob = Subject("bob")!
    let location = LocationID("loc_1")!
    let start = Date(timeIntervalSince1970: 1_700_000_000)

    private func store(_ engine: SessionStoreContract.Engine) async throws -> any ServiceStore {
        switch engine {
        case .memory: InMemoryStore()
        case .sqlite: try SQLiteStore.temporary(in: folder)
        case .postgres: try PostgresStore.connected(to: try await PostgresServer.shared.newDatabase())
        }
    }

    private func event(
        _ number: Int, type: String = "a.b", body: String = "{}", digest: [UInt8]? = [1], at seconds: Double = 0
    ) throws -> ReceivedEvent {
        ReceivedEvent(
            id: try #require(EventID("evt_\(number)")), type: type, body: Array(body.utf8), digest: digest,
            receivedAt: start + seconds)
    }

    /// Makes the location a subject's own.
    private func bind(_ location: LocationID, to subject: Subject, _ number: UInt8, in store: any SessionStore)
        async throws
    {
        var session = try ConnectSession.sample(number, of: subject, createdAt: start)
        session.facts.located = .init(location: location, pricesAvailable: false, since: start)
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
    }

    @Test(
        "an event is new once; delivered again it is known, and altered when it says something else (S44)",
        arguments: SessionStoreContract.Engine.allCases)
    func S44(engine: SessionStoreContract.Engine) async throws {
        let store = try await store(engine)
        let first = try event(1)
        #expect(try await store.hasReceived(first.id) == false)
        #expect(try await store.receive([first, try event(2), first]) == [.new, .new, .known])
        #expect(try await store.hasReceived(first.id))
        #expect(try await store.receive([try event(1, at: 60)]) == [.known])
        #expect(try await store.receive([try event(1, body: "[]", digest: [2])]) == [.altered])
        // The list of events writes them in its own way.
        #expect(try await store.receive([try event(1, body: "[ ]", digest: nil)]) == [.known])
        #expect(try await store.receive([try event(3, digest: nil)]) == [.new])
        #expect(try await store.receive([try event(3, digest: [3])]) == [.known])
        #expect(try await store.receive([try event(3, digest: [4])]) == [.altered])
        #expect(try await store.receive([]) == [])
        #expect(try await store.waiting().count == 3)
        let taken = try await store.takeReceived(dueAt: start, leasedUntil: start + 10, limit: 9)
        #expect(Set(taken.map(\.event.id.text)) == ["evt_1", "evt_2", "evt_3"])
        #expect(taken.allSatisfy { $0.event.body == Array("{}".utf8) })
    }

    @Test(arguments: SessionStoreContract.Engine.allCases)
    func `what is due is taken by one at a time, the longest due first`(engine: SessionStoreContract.Engine)
        async throws
    {
        let store = try await store(engine)
        _ = try await store.receive(
            [try event(2, type: "b.c", body: #"{"x":1}"#, at: 2), try event(1, at: 1), try event(3, at: 30)])
        #expect(try await store.takeReceived(dueAt: start, leasedUntil: start + 9, limit: 9).isEmpty)
        let first = try await store.takeReceived(dueAt: start + 5, leasedUntil: start + 20, limit: 1)
        #expect(first.map(\.event.id.text) == ["evt_1"])
        #expect(first.first?.attempts == 1)
        #expect(first.first?.lease == start + 20)
        let second = try #require(
            try await store.takeReceived(dueAt: start + 5, leasedUntil: start + 20, limit: 9).first)
        #expect(
            second.event
                == ReceivedEvent(
                    id: try #require(EventID("evt_2")), type: "b.c", body: Array(#"{"x":1}"#.utf8), digest: nil,
                    receivedAt: start + 2))
        #expect(try await store.takeReceived(dueAt: start + 19, leasedUntil: start + 40, limit: 9).isEmpty)
        let waiting = try await store.waiting()
        #expect(waiting.count == 3)
        #expect(waiting.since == start + 1)

        // Whoever took them died: they are due at the end of the lease.
        let again = try await store.takeReceived(dueAt: start + 20, leasedUntil: start + 40, limit: 9)
        #expect(Set(again.map(\.event.id.text)) == ["evt_1", "evt_2"])
        #expect(again.allSatisfy { $0.attempts == 2 })
    }

    @Test("many who take at once never get the same event (R20)", arguments: SessionStoreContract.Engine.allCases)
    func R20(engine: SessionStoreContract.Engine) async throws {
        let store = try await store(engine)
        _ = try await store.receive(try (0..<100).map { try event($0) })
        let start = start
        let taken = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try await store.takeReceived(dueAt: start, leasedUntil: start + 60, limit: 7).map(\.event.id.text)
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(taken.count == 100)
        #expect(Set(taken).count == 100)
    }

    @Test("an event ends once, together with what came of it (R20)", arguments: SessionStoreContract.Engine.allCases)
    func R20once(engine: SessionStoreContract.Engine) async throws {
        let store = try await store(engine)
        try await bind(location, to: alice, 1, in: store)
        _ = try await store.receive([try event(1)])
        let id = try event(1).id
        _ = try await store.takeReceived(dueAt: start, leasedUntil: start + 60, limit: 9)
        let action = LocationAction(location: location, required: .reconnect, tariff: "trf_1", since: start + 1)
        let published = NewEvent(id: id, type: "flatpeak.a.b", subject: alice, at: start, data: Array("{}".utf8))
        #expect(try await store.settle(id, EventEffect(action: action, events: [published])))
        let other = LocationAction(location: location, required: .reconnect, tariff: "trf_2", since: start + 2)
        let second = NewEvent(
            id: try #require(EventID("evt_1_action")), type: "a", subject: alice, at: start, data: Array("{}".utf8))
        #expect(try await store.settle(id, EventEffect(action: other, events: [second])) == false)
        let kept = try await store.events(limit: 9).map(\.event.event).filter { $0.type.hasPrefix("session.") == false }
        #expect(kept == [published])
        #expect(try await store.actions(at: [location]) == [location: action])
        let waiting = try await store.waiting()
        #expect(waiting.count == 0)
        #expect(waiting.since == nil)
        #expect(try await store.receive([try event(1)]) == [.known])
        #expect(try await store.takeReceived(dueAt: start + 999, leasedUntil: start + 1060, limit: 9).isEmpty)
    }

    @Test(arguments: SessionStoreContract.Engine.allCases)
    func `an event is put off, unless the lease was lost`(engine: SessionStoreContract.Engine) async throws {
        let store = try await store(engine)
        _ = try await store.receive([try event(1)])
        let lost = try #require(try await store.takeReceived(dueAt: start, leasedUntil: start + 10, limit: 9).first)
        let held = try #require(
            try await store.takeReceived(dueAt: start + 10, leasedUntil: start + 20, limit: 9).first)
        try await store.postpone(lost, until: start + 11)
        #expect(try await store.takeReceived(dueAt: start + 19, leasedUntil: start + 30, limit: 9).isEmpty)
        try await store.postpone(held, until: start + 15)
        let again = try await store.takeReceived(dueAt: start + 15, leasedUntil: start + 30, limit: 9)
        #expect(again.map(\.attempts) == [3])
    }

    @Test(arguments: SessionStoreContract.Engine.allCases)
    func `what was received long ago is forgotten, but not what waits`(engine: SessionStoreContract.Engine) async throws
    {
        let store = try await store(engine)
        _ = try await store.receive([try event(1), try event(2), try event(3, at: 100)])
        _ = try await store.settle(try event(1).id, EventEffect())
        try await store.removeReceived(before: start + 100)
        #expect(try await store.receive([try event(1)]) == [.new])
        #expect(try await store.receive([try event(2), try event(3)]) == [.known, .known])
    }

    @Test(arguments: SessionStoreContract.Engine.allCases)
    func `an action stays until Flatpeak was asked later, or the location has no owner`(
        engine: SessionStoreContract.Engine
    ) async throws {
        let store = try await store(engine)
        try await bind(location, to: alice, 1, in: store)
        try await bind(location, to: bob, 2, in: store)
        #expect(try await store.owners(of: location, limit: 9) == [alice, bob])
        #expect(try await store.owners(of: location, limit: 1) == [alice])
        #expect(try await store.owners(of: try #require(LocationID("loc_9")), limit: 9).isEmpty)
        let action = LocationAction(location: location, required: .reconnect, tariff: nil, since: start + 5)
        for number in 1...2 {
            _ = try await store.receive([try event(number)])
            #expect(try await store.settle(try event(number).id, EventEffect(action: action)))
            try await store.clearAction(at: location, knownBefore: start + 5)
            #expect(try await store.actions(at: [location, try #require(LocationID("loc_9"))]) == [location: action])
            if number == 1 { try await store.clearAction(at: location, knownBefore: start + 6) }
            if number == 1 { #expect(try await store.actions(at: [location]).isEmpty) }
        }
        #expect(try await store.unbind(location, from: alice))
        #expect(try await store.actions(at: [location]) == [location: action])
        _ = try await store.forget(bob)
        #expect(try await store.actions(at: [location]).isEmpty)
    }

    @Test(arguments: SessionStoreContract.Engine.allCases)
    func `an update is kept with a location that has an owner, and goes with the last one`(
        engine: SessionStoreContract.Engine
    ) async throws {
        let store = try await store(engine)
        let update = { (number: Int) in
            _ = try await store.receive([try event(number)])
            let effect = EventEffect(update: LocationUpdate(location, at: start + Double(number)))
            #expect(try await store.settle(try event(number).id, effect))
        }
        try await update(1)
        #expect(try await store.state(of: location) == LocationState(updatedAt: nil, action: nil))
        try await bind(location, to: alice, 1, in: store)
        try await bind(location, to: bob, 2, in: store)
        try await update(2)
        try await update(3)
        #expect(try await store.state(of: location) == LocationState(updatedAt: start + 3, action: nil))
        #expect(try await store.unbind(location, from: alice))
        #expect(try await store.state(of: location).updatedAt == start + 3)
        _ = try await store.forget(bob)
        #expect(try await store.state(of: location).updatedAt == nil)
    }

    @Test(arguments: SessionStoreContract.Engine.allCases)
    func `an action takes the place of any but a reconnection`(engine: SessionStoreContract.Engine) async throws {
        let store = try await store(engine)
        try await bind(location, to: alice, 1, in: store)
        let story: [(RequiredAction, expected: RequiredAction)] = [
            (.renew, .renew), (.upgrade, .upgrade), (.reconnect, .reconnect), (.renew, .reconnect),
            (.upgrade, .reconnect), (.reconnect, .reconnect),
        ]
        for (number, step) in story.enumerated() {
            _ = try await store.receive([try event(number)])
            let action = LocationAction(
                location: location, required: step.0, tariff: "trf_\(number)", since: start + Double(number))
            #expect(try await store.settle(try event(number).id, EventEffect(action: action)))
            #expect(try await store.state(of: location).action?.required == step.expected)
        }
        #expect(try await store.state(of: location).action?.tariff == "trf_5")
    }

    @Test(arguments: SessionStoreContract.Engine.allCases)
    func `the last bookmark is kept`(engine: SessionStoreContract.Engine) async throws {
        let store = try await store(engine)
        #expect(try await store.bookmark() == nil)
        for text in ["{}", #"{"a":"ä"}"#] {
            try await store.keep(bookmark: text)
            #expect(try await store.bookmark() == text)
        }
    }

    // MARK: - On disk

    @Test("what waits is sealed, since a connect token may stand in it, and is sealed anew under a new key (S2)")
    func sealed() async throws {
        let store = try SQLiteStore.temporary(in: folder)
        let body = #"{"id":"evt_1","data":{"id":"cot_thisOneIsEasyToFind"}}"#
        _ = try await store.receive([try event(1, body: body)])
        let bytes = try FileManager.default.contentsOfDirectory(atPath: folder.path).reduce(into: Data()) {
            $0 += try Data(contentsOf: URL(filePath: "\(folder.path)/\($1)"))
        }
        #expect(bytes.range(of: Data("evt_1".utf8)) != nil, "the scan would find what is there")
        #expect(bytes.range(of: Data("cot_thisOneIsEasyToFind".utf8)) == nil)

        let other = [UInt8](repeating: 8, count: 32)
        #expect(throws: SQLiteStore.CannotOpen.unknownKey) {
            try SQLiteStore.temporary(in: folder, keys: [other])
        }
        _ = try SQLiteStore.temporary(in: folder, keys: [other, SQLiteStore.key])
        let new = try SQLiteStore.temporary(in: folder, keys: [other])
        let taken = try await new.takeReceived(dueAt: start, leasedUntil: start + 1, limit: 9)
        #expect(taken.map(\.event.body) == [Array(body.utf8)])
        #expect(try await new.receive([try event(1)]) == [.known])
    }
}
