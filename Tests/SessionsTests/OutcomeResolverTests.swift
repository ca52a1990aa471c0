import Core
import Flatpeak
import Foundation
import Logging
import Networking
import Synchronization
import TestSupport
import Testing

@testable import Sessions

/// Reads, callbacks and listeners.
extension SessionsTests {
    @Test func `a session is visible to its owner alone`() async throws {
        let session = try await mint()
        #expect(try await state(session) == .created)
        await #expect(throws: BFFError.notFound) { try await sessions.outcomes.session(session.id, of: bob) }
        #expect(upstream.requests("claim").isEmpty)
    }

    @Test func `a session stays active before completion, and its reader gets its state (S14)`() async throws {
        upstream.on("claim", .json(#"{"message":"processing"}"#, status: 422))
        let session = try await mint()
        try await relay(session, answered: "provider_select")
        #expect(try await state(session) == .active)
    }

    @Test func `a closed session is abandoned when the claim says so, and active again when the customer comes back`()
        async throws
    {
        upstream.on("claim", .json(#"{"message":"processing"}"#, status: 422))
        let session = try await mint()
        try await relay(session, answered: "provider_select")
        try await relay(
            session, answered: "session_redirect", action: "CLOSE",
            to: "https://bff.example/v1/connect/callback?fp_cot=cot_a")
        #expect(try await state(session) == .abandoned)
        _ = try await sessions.relay.admit(session.connectToken)
        try await relay(session, answered: "provider_select")
        #expect(try await state(session) == .active)
    }

    @Test func `a redirect to a provider's login does not count as leaving`() async throws {
        upstream.on("claim", .json("{}", status: 422))
        let session = try await mint()
        try await relay(session, answered: "session_redirect", to: "https://provider.example/?fp_cot=cot_a")
        #expect(try await state(session) == .active)
    }

    @Test func `binds the location to the subject that minted, once, regardless of who returns the token (S13)`()
        async throws
    {
        upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        let session = try await mint()
        try await relay(session, answered: "tariff_summary")
        let first = try await sessions.outcomes.handleCallback(session.connectToken)
        let second = try await sessions.outcomes.handleCallback(session.connectToken)
        #expect(first.url == "https://app.example/done?session=\(session.id)&status=connected")
        #expect(second.url == first.url)
        #expect(upstream.requests("claim").count == 1)
        try await sessions.locations.require(try #require(LocationID("loc_1")), ownedBy: alice)
        await #expect(throws: BFFError.notFound) {
            try await sessions.locations.require(try #require(LocationID("loc_1")), ownedBy: bob)
        }
    }

    @Test func `a callback during an outage of Flatpeak returns the session's state, and a later read resolves it`()
        async throws
    {
        let isDown = Mutex(true)
        upstream.on(
            "claim",
            [
                { _ in
                    isDown.withLock(\.self)
                        ? .success(.json("{}", status: 500))
                        : .success(.json(#"{"location_id":"loc_1","price_available":true}"#))
                }
            ])
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        let session = try await mint()
        try await relay(session, answered: "tariff_summary")
        let returned = try await sessions.outcomes.handleCallback(session.connectToken)
        #expect(returned.state == .active)
        #expect(returned.url == "https://app.example/done?session=\(session.id)&status=active")
        #expect(try await state(session) == returned.state)
        isDown.withLock { $0 = false }
        clock.advance(by: 1)
        #expect(try await state(session) == .connected)
    }

    @Test func `a callback waits two seconds for Flatpeak, and a later read resolves the outcome`() async throws {
        let gate = Gate()
        upstream.on(
            "claim",
            [
                { _ in
                    await gate.wait()
                    return .success(.json(#"{"location_id":"loc_1","price_available":true}"#))
                }
            ])
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        let timeouts = ImmediateClock()
        let clock = clock
        let flatpeak = FlatpeakClient.scripted(upstream)
        let impatient = Sessions(
            flatpeak: flatpeak, cache: cache,
            reads: LocationReads(flatpeak: flatpeak, cache: cache, now: { clock.wall }),
            settings: MintRequestTests.settings, now: { clock.wall }, time: clock.time, clock: timeouts,
            randomBytes: countingBytes(), logger: .silent)
        let session = try await mint()
        try await relay(session, answered: "tariff_summary")
        #expect(try await impatient.outcomes.handleCallback(session.connectToken).state == .active)
        #expect(timeouts.sleeps == [.seconds(2)])
        await gate.open()
        #expect(try await impatient.outcomes.session(session.id, of: alice).outcome(at: clock.wall).state == .connected)
        #expect(upstream.requests("claim").count == 1)
    }

    @Test func `frequent reads poll Flatpeak at most once a second`() async throws {
        upstream.on("claim", .json("{}", status: 422))
        let session = try await mint()
        try await relay(session, answered: "provider_select")
        for _ in 0..<20 { _ = try await state(session) }
        #expect(upstream.requests("claim").count == 1)
        clock.advance(by: 1)
        _ = try await state(session)
        #expect(upstream.requests("claim").count == 2)
        try await relay(session, answered: "tariff_summary")
        _ = try await state(session)
        #expect(upstream.requests("claim").count == 3)
    }

    @Test func `concurrent callbacks are one poll of Flatpeak`() async throws {
        let gate = Gate()
        upstream.on(
            "claim",
            [
                { _ in
                    await gate.wait(); return .success(.json("{}", status: 422))
                }
            ])
        let session = try await mint()
        let sessions = sessions
        await withTaskGroup { group in
            for _ in 0..<50 { group.addTask { _ = try? await sessions.outcomes.handleCallback(session.connectToken) } }
            group.addTask { await gate.open() }
        }
        #expect(upstream.requests("claim").count <= 2)
    }

    @Test func `a change wakes a listener`() async throws {
        let session = try await mint()
        let waited = try await wait(for: session, at: cache) { try await relay(session, answered: "provider_select") }
        #expect(waited < .seconds(30))
        let took = await ContinuousClock().measure {
            await sessions.outcomes.waitForChange(of: session.id, timeout: .milliseconds(20))
        }
        #expect(took >= .milliseconds(20))
    }

    @Test func `a step of an evicted session wakes a listener, once the session was read from the store`() async throws
    {
        let session = try await mint()
        let clock = clock
        let other = SessionCache(
            store: store, now: { clock.wall }, time: clock.time, clock: ContinuousClock(), timeout: .seconds(60),
            logger: .silent)
        let work = Task { await other.run() }
        let waited = try await wait(for: session, at: other) {
            var facts = SessionFacts()
            facts.relayed = true
            other.record(facts, of: session.connectToken)
        }
        #expect(waited < .seconds(30))
        work.cancel()
        await work.value
    }
}
