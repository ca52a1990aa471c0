import Core
import CryptoExtras
import Flatpeak
import Foundation
import Keys
import Sessions
import Synchronization
import TestSupport
import Testing

@testable import Webhooks

/// A key of Flatpeak's, of another library than the one under test.
final class FlatpeakKey: Sendable {
    let id: String
    private let key: Mutex<_RSA.Signing.PrivateKey>

    static let first = FlatpeakKey("wsk_test_1")
    static let second = FlatpeakKey("wsk_test_2")
    static let live = FlatpeakKey("wsk_live_1")

    private init(_ id: String) {
        self.id = id
        do { key = Mutex(try _RSA.Signing.PrivateKey(keySize: .bits2048)) } catch { preconditionFailure("\(error)") }
    }

    var jwk: String {
        get throws {
            let numbers = try key.withLock { try $0.publicKey.getKeyPrimitives() }
            return #"{"kty":"RSA","kid":"\#(id)","n":"\#(base64URL(numbers.modulus))","e":"AQAB","alg":"PS256"}"#
        }
    }

    /// A delivery of `body`, signed at a moment.
    func delivery(_ body: String, at instant: Date) throws -> SignedDelivery {
        let timestamp = String(Int(instant.timeIntervalSince1970))
        let signature = try key.withLock { try $0.signature(for: Data("\(timestamp).\(body)".utf8), padding: .PSS) }
        return SignedDelivery(
            signatures: ["v1=" + base64URL(signature.rawRepresentation)], timestamps: [timestamp], keyIDs: [id],
            body: Array(body.utf8))
    }
}

/// Where Flatpeak's key set is.
final class KeyServer: Sendable {
    private let state: Mutex<(keys: [FlatpeakKey]?, reads: Int)>

    init(_ keys: [FlatpeakKey]?) {
        state = Mutex((keys, 0))
    }

    /// Nil for a set that cannot be read.
    var keys: [FlatpeakKey]? {
        get { state.withLock(\.keys) }
        set { state.withLock { $0.keys = newValue } }
    }
    /// How often it was asked for.
    var reads: Int { state.withLock(\.reads) }

    func read() -> [UInt8]? {
        let keys = state.withLock { state in
            state.reads += 1
            return state.keys
        }
        return keys.map { keys in Array(#"{"keys":[\#(keys.compactMap { try? $0.jwk }.joined(separator: ","))]}"#.utf8)
        }
    }
}

/// Webhooks on a store in memory, against a scripted Flatpeak, at a time of the test's own.
final class WebhookFixture: Sendable {
    let clock = TestClock()
    let upstream = ScriptedUpstream()
    let store: InMemoryStore
    let sessions: Sessions
    let reads: LocationReads
    let webhooks: Webhooks
    let keyServer: KeyServer
    let alice: Subject
    let location: LocationID

    /// - Parameter keys: What Flatpeak's key set holds; nil for one that cannot be read.
    init(
        keys: [FlatpeakKey]? = [.first], mode: FlatpeakMode? = nil, store: InMemoryStore = InMemoryStore(),
        confirmation: ConfirmationRule = .off
    ) throws {
        self.store = store
        keyServer = KeyServer(keys)
        alice = try #require(Subject("alice"))
        location = try #require(LocationID("loc_1"))
        let service = ServiceFixture(
            flatpeak: .scripted(upstream, clock: clock), store: store, settings: .test(confirmation: confirmation),
            keySet: { [keyServer] in keyServer.read() }, mode: mode, now: { [clock] in clock.wall }, time: clock.time,
            webhookTime: clock.time)
        reads = service.reads
        sessions = service.sessions
        webhooks = service.webhooks
    }

    // MARK: - What Flatpeak sends

    static func event(_ id: String?, _ type: String = "location.update", _ data: String = #"{"id":"loc_1"}"#) -> String
    {
        let id = id.map { #""id":"\#($0)","# } ?? ""
        return #"{\#(id)"object":"event","type":"\#(type)","data":\#(data)}"#
    }

    /// The location's tariff expired.
    static let tariffExpired = event("evt_1", "tariff.expired", #"{"location_id":"loc_1"}"#)

    /// Delivers an event.
    /// - Parameter age: How long ago it was signed, in seconds.
    /// - Returns: Nil when it was acknowledged.
    @discardableResult
    func deliver(_ body: String, by key: FlatpeakKey = .first, age: TimeInterval = 0) async throws -> BFFError? {
        await take(try key.delivery(body, at: clock.wall - age))
    }

    func take(_ delivery: SignedDelivery) async -> BFFError? {
        do throws(BFFError) {
            try await webhooks.take(delivery)
            return nil
        } catch {
            return error
        }
    }

    /// Lets everything that is due have its effect.
    func work() async {
        while await webhooks.processor.work() > 0 {}
    }

    // MARK: - What Flatpeak's API says

    /// The location is alice's, and something is to be done there.
    func locationFails() {
        store.bind(location, to: alice)
        statusIs("ERROR")
    }

    /// The status of the location's import tariff from now on.
    func statusIs(_ status: String, tariff: String = "trf_1") {
        upstream.on("status", .json(Self.status(status, tariff: tariff)))
    }

    static func status(_ status: String, tariff: String) -> String {
        let slot = #"{"status":"\#(status)","tariff":{"id":"\#(tariff)"}}"#
        return #"{"id":"loc_1","account_id":"acc_1","tariff_status":{"commodity_import":\#(slot)}}"#
    }

    /// What the user has to do at the location.
    var action: RequiredAction? {
        get async throws { try await sessions.locations.list(of: alice).first { $0.id == location }?.action }
    }

    /// A session of alice's that was relayed.
    func session(_ token: String, app: String = "web") async throws -> ConnectSession {
        upstream.on("mint", .json(#"{"connect_token":"\#(token)","expires_in":86400,"live_mode":false}"#))
        let session = try await sessions.minter.mint(
            Array(#"{"app":"\#(app)"}"#.utf8), as: nil, for: alice
        ).session
        var facts = SessionFacts()
        facts.relayed = true
        facts.stayedAt = clock.wall
        var seen = session
        seen.facts = facts
        _ = try await store.save([SessionWrite(seen, isNew: false)], at: clock.wall)
        return session
    }
}
