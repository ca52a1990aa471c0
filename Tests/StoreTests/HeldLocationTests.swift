import Core
import Flatpeak
import Foundation
import TestSupport
import Testing
import Wire

@testable import Sessions
@testable import Store

/// One property over shuffled histories at a location that alice and carol own: as long as Vera's tariff is there, and the
/// session in which she connected it is not confirmed, neither of them reads the location.
///
/// Flatpeak is a model beside the service, which sees no more of it than the relayed steps and the answers of the API.
extension ConfirmationPropertyTests {
    private enum HeldStep: CaseIterable {
        case veraTypes, veraGoesToLogin, veraLogsIn, veraComesBack, veraCloses, providerAnswers
        case aliceTypes, aliceTypesExport, aliceDisconnects, aliceIsRefusedDisconnect, aliceConfirms
        case restart, tenMinutes, day
    }

    /// What Flatpeak has at the location.
    private struct Slots {
        enum Person { case alice, vera }

        var imported: Person? = .alice
        var exported: Person? = .alice
        /// Until when Vera's provider may still answer.
        var pendingUntil: Date?

        /// A pending slot reads as an empty one.
        var status: String {
            let word = { (person: Person?) in person == nil ? "NOT_CONNECTED" : "CONNECTED" }
            return #"{"tariff_status":{"commodity_import":{"status":"\#(word(imported))"},"#
                + #""commodity_export":{"status":"\#(word(exported))"}}}"#
        }
    }

    @Test(arguments: Engine.allCases)
    func `no owner of a location reads a tariff that an unconfirmed session connected there`(
        engine: Engine
    ) async throws {
        for seed in 0..<(engine == .memory ? 400 : 20) {
            var random = SeededGenerator(seed: UInt64(seed) + 1000)
            try await checkHold(try store(engine, 1000 + seed), seed, &random)
        }
    }

    private func checkHold(_ store: any ServiceStore, _ seed: Int, _ random: inout SeededGenerator) async throws {
        let upstream = ScriptedUpstream(), clock = TestClock(), carol = try #require(Subject("carol"))
        let location = try #require(LocationID("loc_1")), callback = "https://bff.example/v1/connect/callback"
        upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        // Whether a new tariff or a disconnect ends a pending connection is not documented.
        let replacesPending = Bool.random(using: &random)
        var slots = Slots()
        upstream.on("status", .json(slots.status))
        var nodes = (0..<2).map { _ in Node(store, upstream, clock) }
        defer { for node in nodes { node.watching.cancel() } }
        var number = 0
        func mint(_ node: Node, _ body: String) async throws -> (ConnectSession, SessionHolder) {
            number += 1
            upstream.on("mint", .json(#"{"connect_token":"cot_\#(number)","expires_in":86400,"live_mode":false}"#))
            let session = try await node.sessions.minter.mint(Array(body.utf8), as: nil, for: alice).session
            let holder = try SessionStoreContract.holder(UInt8(number))
            _ = try await node.sessions.tickets.exchange(Ticket(for: session, after: nil), by: holder)
            return (session, holder)
        }
        /// Relays one step, unless the session is over.
        func relay(
            _ node: Node, _ session: ConnectSession, _ route: String, _ action: String?, _ answer: String?,
            _ url: String?
        ) async throws -> Bool {
            guard let admitted = try? await node.sessions.relay.admit(session.connectToken) else { return false }
            let pressed = action.map { #","action":"\#($0)""# } ?? (route == "session_start" ? "" : #","data":{}"#)
            let text = #"{"connect_token":"\#(session.connectToken.exposed)","route":"\#(route)"\#(pressed)}"#
            let step = RelayedStep(
                envelope: try Envelope(Array(text.utf8).span), answeredRoute: answer, redirectURL: url)
            node.sessions.relay.record(step, in: admitted)
            #expect(await node.cache.isPersisted(session.id))
            return true
        }
        for owner in [alice, carol] {
            var session = ConnectSession(
                id: SessionID(prefix: "cs", random: Array(repeating: UInt8(owner.text.utf8.count), count: 12)),
                subject: owner,
                connectToken: try #require(ConnectToken("cot_\(owner.text)")),
                slot: .init(direction: .importing, type: .commodity), mintedLocation: nil, mintedAction: nil,
                returnURL: nil, liveMode: false, createdAt: clock.wall, expiresAt: clock.wall + 1)
            session.facts.located = .init(location: location, pricesAvailable: true, since: clock.wall)
            _ = try await store.save([SessionWrite(session, isNew: true)], at: clock.wall)
        }

        let edit = #"{"location_id":"loc_1","action":"edit"}"#
        let (vera, _) = try await mint(nodes[0], edit)
        var isAtLogin = false
        var own: [(session: ConnectSession, holder: SessionHolder)] = []
        var history: [HeldStep] = []
        func confirm(_ node: Node, _ entry: (session: ConnectSession, holder: SessionHolder)) async throws {
            let ended = try await node.sessions.confirmation.end(entry.session.connectToken, in: entry.holder)
            guard let code = ended.code else { return }
            _ = try await node.sessions.confirmation.redeem(code, of: entry.session.id, by: alice)
        }
        func type(_ node: Node, _ body: String) async throws -> (session: ConnectSession, holder: SessionHolder)? {
            let (session, holder) = try await mint(node, body)
            guard try await relay(node, session, "rate_fixed_capture", nil, "tariff_summary", nil) else { return nil }
            return (session, holder)
        }
        for _ in 0..<12 {
            guard let step = HeldStep.allCases.randomElement(using: &random) else { return }
            history.append(step)
            let index = Int.random(in: 0..<2, using: &random), node = nodes[index], now = clock.wall
            let isAlive = now < vera.expiresAt
            switch step {
            case .veraTypes:
                guard isAlive, try await relay(node, vera, "rate_fixed_capture", nil, "tariff_summary", nil) else {
                    break
                }
                (slots.imported, slots.pendingUntil) = (.vera, nil)
            case .veraGoesToLogin:
                let login = "https://provider.example/?fp_cot=cot_1"
                if isAlive, try await relay(node, vera, "provider_select", nil, "session_redirect", login) {
                    isAtLogin = true
                }
            case .veraLogsIn:
                guard isAtLogin, isAlive else { break }
                isAtLogin = false
                if Bool.random(using: &random) {
                    (slots.imported, slots.pendingUntil) = (nil, now + ConnectSession.pendingLimit)
                } else {
                    (slots.imported, slots.pendingUntil) = (.vera, nil)
                }
            case .veraComesBack:
                // Whoever looks before the login is over sees the page that led there.
                let page =
                    isAtLogin || slots.imported != .vera
                    ? (slots.pendingUntil == nil ? "provider_select" : "tariff_connection_pending") : "tariff_summary"
                if isAlive { _ = try await relay(node, vera, "session_start", nil, page, nil) }
            case .veraCloses:
                let url = "\(callback)?fp_cot=\(vera.connectToken.exposed)"
                if isAlive { _ = try await relay(node, vera, "provider_select", "CLOSE", "session_redirect", url) }
            case .providerAnswers:
                if let end = slots.pendingUntil, now < end { slots.imported = .vera }
                slots.pendingUntil = nil
            case .aliceTypes:
                guard let entry = try await type(node, edit) else { break }
                own.append(entry)
                slots.imported = .alice
                if replacesPending { slots.pendingUntil = nil }
            case .aliceTypesExport:
                let body = #"{"location_id":"loc_1","direction":"EXPORT","action":"edit"}"#
                if let entry = try await type(node, body) { own.append(entry) }
                slots.exported = .alice
            case .aliceDisconnects:
                let (session, holder) = try await mint(node, #"{"location_id":"loc_1","action":"disconnect"}"#)
                let url = "\(callback)?fp_cot=\(session.connectToken.exposed)"
                _ = try await relay(node, session, "session_start", nil, "session_redirect", url)
                own.append((session, holder))
                slots.imported = nil
                if replacesPending { slots.pendingUntil = nil }
            case .aliceIsRefusedDisconnect:
                let (session, holder) = try await mint(node, edit)
                _ = try await relay(node, session, "provider_select", "DISCONNECT", nil, nil)
                own.append((session, holder))
            case .aliceConfirms:
                if let entry = own.randomElement(using: &random) { try await confirm(node, entry) }
            case .restart:
                await node.sessions.finish()
                node.watching.cancel()
                nodes[index] = Node(store, upstream, clock)
            case .tenMinutes: clock.advance(by: 600)
            case .day: clock.advance(by: 86400)
            }
            upstream.on("status", .json(slots.status))
            clock.advance(by: 1)
            guard slots.imported == .vera else { continue }
            for node in nodes {
                for owner in [alice, carol] {
                    let isReadable = (try? await node.cache.mayRead(location, for: owner)) ?? false
                    #expect(!isReadable, "seed \(seed): \(history)")
                }
            }
        }
        // It does not last for ever: what alice types in, once nothing of Vera's can come any more, can be read.
        clock.advance(by: 4 * 86400)
        for body in [edit, #"{"location_id":"loc_1","direction":"EXPORT","action":"edit"}"#] {
            let entry = try #require(try await type(nodes[0], body))
            clock.advance(by: 1)
            try await confirm(nodes[0], entry)
        }
        for node in nodes { #expect(try await node.cache.mayRead(location, for: alice), "seed \(seed): \(history)") }
    }
}
