import Core
import Flatpeak
import Foundation
import Networking
import Sessions
import Synchronization
import TestSupport
import Testing

@testable import Webhooks

/// Deliveries to a scripted receiver, by a clock of the test's own.
@Suite struct EventDeliveryTests {
    let clock = TestClock()
    let store = InMemoryStore()
    static let secret = "whsec_" + Data((0..<32).map { UInt8($0) }).base64EncodedString()

    /// A receiver that answers as a test says, and remembers what it was sent.
    private final class Backend: Sendable {
        struct Message: Sendable {
            let id: String
            let type: String
            let at: Date
            let headers: [String: String]
            let body: [UInt8]
        }
        private let state: Mutex<(messages: [Message], answer: @Sendable (Message) -> DeliveryAnswer)>
        private let clock: TestClock

        init(_ clock: TestClock, _ answer: @escaping @Sendable (Message) -> DeliveryAnswer) {
            self.clock = clock
            state = Mutex(([], answer))
        }

        var messages: [Message] { state.withLock { $0.messages } }
        func answers(_ answer: @escaping @Sendable (Message) -> DeliveryAnswer) {
            state.withLock { $0.answer = answer }
        }

        func receiver(_ keys: [String] = [EventDeliveryTests.secret]) -> EventDelivery.Receiver {
            .init(signer: EventSigner(keys.compactMap { EventKey($0) })) {
                (body, headers) throws(TransportFailure) in
                let headers = Dictionary(headers.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
                let object = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]
                let message = Message(
                    id: headers["webhook-id"] ?? "", type: object?["type"] as? String ?? "", at: self.clock.wall,
                    headers: headers, body: body)
                let answer = self.state.withLock { state in
                    state.messages.append(message)
                    return state.answer
                }
                switch answer(message) {
                case .status(let status, let retryAfter): return (status, retryAfter)
                case .none(let failure): throw failure
                }
            }
        }
    }

    private func delivery() -> EventDelivery {
        let clock = clock
        return EventDelivery(outbox: store, receiver: nil, now: { clock.wall }, time: clock.time, logger: .silent)
    }

    private func event(_ name: String, of session: SessionID? = nil, type: String = "flatpeak.test") throws -> NewEvent
    {
        NewEvent(
            id: try #require(EventID("evt_\(name)")), type: type, session: session, at: clock.wall,
            data: Array(#"{"n":"\#(name)"}"#.utf8))
    }

    /// Lets deliveries go on until nothing is pending or `limit` seconds are over; idle time passes at once.
    private func run(_ delivery: EventDelivery, _ receiver: EventDelivery.Receiver, for limit: Double) async throws {
        let end = clock.wall + limit
        while clock.wall < end {
            let wait = await delivery.turn(receiver)
            guard wait > .zero else { continue }
            let pending = try await store.events(limit: 9999).filter { $0.state == .pending }
            guard let next = pending.map(\.event.lease).min() else { return }
            let seconds = Double(wait.components.seconds) + Double(wait.components.attoseconds) * 1e-18
            clock.advance(by: min(max(seconds, next.timeIntervalSince(clock.wall)), end.timeIntervalSince(clock.wall)))
        }
    }

    private func states() async throws -> [KeptEvent.State] { try await store.events(limit: 9999).map(\.state) }

    // MARK: - What goes out

    @Test func `an event goes out as Standard Webhooks has it, the same bytes at every try`() async throws {
        let backend = Backend(clock) { _ in .status(500, retryAfter: nil) }
        let session = try ConnectSession.sample()
        _ = try await store.save([SessionWrite(session, isNew: true)], at: clock.wall)
        let data = #"{"b":1, "a":[1.0,"é"]}"#
        try await store.put([
            NewEvent(
                id: try #require(EventID("evt_1")), type: "flatpeak.a\"b", session: session.id, at: clock.wall,
                data: Array(data.utf8))
        ])
        let delivery = delivery()
        try await run(delivery, backend.receiver(), for: 60)
        #expect(backend.messages.count == 2)
        let first = backend.messages[0], second = backend.messages[1]
        let expected =
            #"{"id":"evt_1","sequence":1,"timestamp":"2023-11-14T22:13:20Z","type":"flatpeak.a\"b","data":\#(data)}"#
        #expect(String(decoding: first.body, as: UTF8.self) == expected)
        #expect(second.body == first.body)
        #expect(second.id == first.id)
        #expect(first.headers["content-type"] == "application/json")
        #expect(first.headers["webhook-timestamp"] == "1700000000")
        #expect(second.headers["webhook-timestamp"] == "1700000005")
        #expect(second.headers["webhook-signature"] != first.headers["webhook-signature"])
    }

    @Test func `the signature is the one of the published vector, and each key makes one`() throws {
        let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        let signer = EventSigner([try #require(EventKey(key))])
        let sign = {
            signer.headers(
                id: "msg_p5jXN8AQM9LWM0D4loKWxJek", seconds: 1_614_265_330, body: Array(#"{"test": 2432232314}"#.utf8)
            ).last?.value
        }
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        #expect(sign() == signature)
        signer.replace([try #require(EventKey(Self.secret)), try #require(EventKey(key))])
        let both = try #require(sign()).split(separator: " ")
        try #require(both.count == 2)
        #expect(both[1] == signature)
        #expect(both[0] != signature)
        #expect("\(try #require(EventKey(key)))\(String(reflecting: EventKey(key)))".contains("MfKQ") == false)
    }

    @Test(arguments: [
        ("whsec_" + Data(repeating: 1, count: 24).base64EncodedString(), true),
        ("whsec_" + Data(repeating: 1, count: 64).base64EncodedString(), true),
        ("whsec_" + Data(repeating: 1, count: 23).base64EncodedString(), false),
        ("whsec_" + Data(repeating: 1, count: 65).base64EncodedString(), false),
        (Data(repeating: 1, count: 32).base64EncodedString(), false), ("whsec_not*base64", false),
    ])
    func `a key is whsec_ and enough bytes`(text: String, isKey: Bool) {
        #expect((EventKey(text) != nil) == isKey)
    }

    // MARK: - Tries

    @Test func `the whole schedule: ten tries over three days, none early, then a dead letter`() async throws {
        let backend = Backend(clock) { _ in .status(500, retryAfter: nil) }
        try await store.put([try event("1")])
        let start = clock.wall
        try await run(delivery(), backend.receiver(), for: 30 * 86400)
        let waits = zip(backend.messages, backend.messages.dropFirst()).map { $1.at.timeIntervalSince($0.at) }
        let schedule: [Double] = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
        #expect(waits.count == schedule.count)
        // A fifth of jitter, of which the clock's share is half.
        for (wait, said) in zip(waits, schedule) {
            #expect(wait >= said)
            #expect(wait <= said * 1.2 + 2, "\(said)")
        }
        #expect(clock.wall.timeIntervalSince(start) < OutgoingEvent.leastLife)
        #expect(try await states() == [.dead])
        #expect(try await store.events(limit: 1).first?.answer == "500")

        // The integrator mends the receiver and asks for it again.
        backend.answers { _ in .status(200, retryAfter: nil) }
        #expect(try await store.replay(since: start, at: clock.wall) == 1)
        try await run(delivery(), backend.receiver(), for: 60)
        #expect(try await states() == [.delivered])
        #expect(Set(backend.messages.map(\.id)) == ["evt_1"])
        #expect(Set(backend.messages.map(\.body)).count == 1)
    }

    @Test(arguments: [(200, true), (204, true), (299, true), (301, false), (307, false), (304, false), (400, false)])
    func `2xx is a delivery, and nothing else`(status: Int, isDelivery: Bool) async throws {
        let backend = Backend(clock) { _ in .status(status, retryAfter: nil) }
        try await store.put([try event("1")])
        _ = await delivery().turn(backend.receiver())
        #expect(try await states() == [isDelivery ? .delivered : .pending])
    }

    @Test(arguments: [(429, 1000, 1000.0), (503, 90, 90), (503, 1_000_000, 86400), (410, nil, 3600), (500, 1000, 5)])
    func `a receiver that asks for time gets it, for all events`(
        status: Int, retryAfter: Int?, pause: Double
    ) async throws {
        let backend = Backend(clock) { _ in .status(status, retryAfter: retryAfter) }
        try await store.put([try event("1")])
        let delivery = delivery(), start = clock.wall
        _ = await delivery.turn(backend.receiver())
        try await store.put([try event("2")])
        if status == 500 {
            #expect(!delivery.status.isSlowed)
        } else {
            #expect(delivery.status.isSlowed)
            #expect(await delivery.turn(backend.receiver()) == .seconds(pause))
        }
        backend.answers { _ in .status(200, retryAfter: nil) }
        try await run(delivery, backend.receiver(), for: 2 * 86400)
        #expect(backend.messages.count == 3)
        #expect(try #require(backend.messages.last).at.timeIntervalSince(start) >= pause)
        #expect(try await states() == [.delivered, .delivered])
    }

    // MARK: - Dead and half-dead receivers

    @Test func `a dead receiver is not beaten with the backlog, and gets all of it when it is back, in order`()
        async throws
    {
        let backend = Backend(clock) { _ in .none(.notConnected) }
        for number in 1...50 {
            let session = try ConnectSession.sample(UInt8(number))
            _ = try await store.save([SessionWrite(session, isNew: true)], at: clock.wall)
            for place in 1...8 { try await store.put([try event("\(number)_\(place)", of: session.id)]) }
        }
        let delivery = delivery()
        try await run(delivery, backend.receiver(), for: 3600)
        // The first sixteen at once, then one each 5 to 30 seconds.
        #expect(backend.messages.count < 16 + 3600 / 5)
        #expect(backend.messages.count > 3600 / 30)
        #expect(delivery.status.isSlowed)
        let before = backend.messages.count
        backend.answers { _ in .status(204, retryAfter: nil) }
        try await run(delivery, backend.receiver(), for: 86400)
        #expect(try await states().allSatisfy { $0 == .delivered })
        let delivered = backend.messages.dropFirst(before).map { $0.id.split(separator: "_").compactMap { Int($0) } }
        #expect(delivered.count == 400)
        for number in 1...50 {
            let places = delivered.filter { $0[0] == number }.map { $0[1] }
            #expect(Set(places) == Set(1...8))
        }
    }

    @Test func `events that a receiver cannot stand do not keep the others waiting`() async throws {
        let backend = Backend(clock) { message in .status(message.type == "flatpeak.bad" ? 500 : 200, retryAfter: nil) }
        for number in 0..<200 {
            try await store.put([try event("\(number)", type: number < 100 ? "flatpeak.bad" : "flatpeak.good")])
        }
        let delivery = delivery()
        try await run(delivery, backend.receiver(), for: 4)
        #expect(!delivery.status.isSlowed)
        #expect(try await states().count { $0 == .delivered } == 100)
        #expect(backend.messages.count == 200)
    }

    @Test func `one event of a session that is refused holds up the later ones for two tries`() async throws {
        let backend = Backend(clock) { message in .status(message.id == "evt_1" ? 400 : 200, retryAfter: nil) }
        let session = try ConnectSession.sample()
        _ = try await store.save([SessionWrite(session, isNew: true)], at: clock.wall)
        for place in 1...3 { try await store.put([try event("\(place)", of: session.id)]) }
        try await run(delivery(), backend.receiver(), for: 60)
        #expect(backend.messages.map(\.id) == ["evt_1", "evt_1", "evt_2", "evt_3"])
    }

    @Test func `failures of one subject's events do not slow down those of others (I2)`() async throws {
        let backend = Backend(clock) { message in
            message.type == "flatpeak.bad" ? .none(.timedOut) : .status(200, retryAfter: nil)
        }
        let alice = try #require(Subject("alice"))
        let delivery = delivery()
        for round in 0..<20 {
            for number in 0..<4 {
                try await store.put([
                    NewEvent(
                        id: try #require(EventID("evt_\(round)_\(number)")), type: "flatpeak.bad", subject: alice,
                        at: clock.wall, data: Array("{}".utf8))
                ])
            }
            _ = await delivery.turn(backend.receiver())
            #expect(!delivery.status.isSlowed)
            try await store.put([try event("good\(round)")])
            _ = await delivery.turn(backend.receiver())
            #expect(backend.messages.last?.id == "evt_good\(round)")
        }
    }

    @Test func `an event that makes no message is dead, and the others go out (I12)`() async throws {
        let backend = Backend(clock) { _ in .status(200, retryAfter: nil) }
        try await store.put([
            NewEvent(id: try #require(EventID("evt_bad")), type: "flatpeak.bad", at: clock.wall, data: []),
            try event("good"),
        ])
        _ = await delivery().turn(backend.receiver())
        #expect(backend.messages.map(\.id) == ["evt_good"])
        #expect(try await states() == [.delivered, .dead])
    }

    @Test func `an answer that does not come holds up no other event, nor one that is put meanwhile`() async throws {
        let (answers, answer) = AsyncStream<Void>.makeStream()
        let posted = Mutex<[String]>([])
        let receiver = EventDelivery.Receiver(signer: EventSigner([])) { (_, headers) throws(TransportFailure) in
            let id = headers.first { $0.name == "webhook-id" }?.value ?? ""
            posted.withLock { $0.append(id) }
            if id == "evt_slow" { for await _ in answers { break } }
            return (204, nil)
        }
        try await store.put([try event("slow")] + (0..<200).map { try event("\($0)") })
        let delivery = delivery()
        async let turn = delivery.turn(receiver)
        let isPosted = { (count: Int) in
            for _ in 0..<1000 where posted.withLock({ $0.count < count }) {
                try await Task.sleep(for: .milliseconds(10))
            }
            return posted.withLock { $0.count == count }
        }
        #expect(try await isPosted(201))
        try await store.put([try event("later")])
        #expect(try await isPosted(202))
        answer.yield()
        _ = await turn
        #expect(try await states().allSatisfy { $0 == .delivered })
    }

    // MARK: - A store that is away

    @Test func `what was delivered while the store was away is not delivered twice`() async throws {
        let store = store
        let backend = Backend(clock) { _ in
            store.isAway = true
            return .status(200, retryAfter: nil)
        }
        try await store.put([try event("1"), try event("2")])
        let delivery = delivery()
        _ = await delivery.turn(backend.receiver())
        #expect(backend.messages.count == 2)
        #expect(await delivery.turn(backend.receiver()) > .zero, "nothing more is taken")
        store.isAway = false
        clock.advance(by: 3600)
        backend.answers { _ in .status(200, retryAfter: nil) }
        try await run(delivery, backend.receiver(), for: 60)
        #expect(try await states() == [.delivered, .delivered])
        #expect(backend.messages.count == 2)
    }

    @Test func `a process that ends records its deliveries in the store`() async throws {
        let store = store
        let backend = Backend(clock) { _ in
            store.isAway = true
            return .status(200, retryAfter: nil)
        }
        try await store.put([try event("1")])
        let delivery = delivery()
        _ = await delivery.turn(backend.receiver())
        store.isAway = false
        await delivery.finish()
        #expect(try await states() == [.delivered])
    }
}

extension ConnectSession {
    fileprivate static func sample(_ number: UInt8 = 1) throws -> ConnectSession {
        ConnectSession(
            id: SessionID(prefix: "cs", random: Array(repeating: number, count: 12)),
            subject: try #require(Subject("alice")), connectToken: try #require(ConnectToken("cot_\(number)")),
            slot: TariffSlot(direction: .importing, type: .commodity), mintedLocation: nil, mintedAction: nil,
            returnURL: nil, liveMode: false, createdAt: Date(timeIntervalSince1970: 1_700_000_000),
            expiresAt: Date(timeIntervalSince1970: 1_800_000_000))
    }
}
