import Core
import Foundation
import TestSupport
import Testing

@testable import Sessions

/// Sessions that no request reads.
extension SessionsTests {
    @Test func `resolves the session of a customer who closed the app before the callback, over a restart`()
        async throws
    {
        upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        let session = try await mint()
        try await relay(session, answered: "tariff_summary")
        await sessions.finish()
        await sessions.poller.pollDueSessions()
        #expect(upstream.requests("claim").isEmpty, "not yet")

        // Another process, with nothing but the store.
        let next = SessionsTests.node(upstream, store, clock).sessions
        clock.advance(by: 61)
        await next.poller.pollDueSessions()
        #expect(upstream.requests("claim").count == 1)
        #expect(try await store.session(session.id)?.outcome(at: clock.wall).state == .connected)
        #expect(try await store.owns(alice, try #require(LocationID("loc_1"))))
        clock.advance(by: 3600)
        await next.poller.pollDueSessions()
        #expect(upstream.requests("claim").count == 1, "it has ended")
    }

    @Test func `one of several nodes polls each due session`() async throws {
        upstream.on("claim", .json("{}", status: 422))
        for _ in 0..<40 { try await relay(try await mint(), answered: "provider_select") }
        await sessions.finish()
        let (clock, store, upstream) = (clock, store, upstream)
        clock.advance(by: 3600)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    await SessionsTests.node(upstream, store, clock).sessions.poller.pollDueSessions()
                }
            }
        }
        #expect(upstream.requests("claim").count == 40)
    }

    @Test func `follows a pending connection after its token has expired, and does not poll more often after failures`()
        async throws
    {
        upstream.on("claim", .json(#"{"location_id":"loc_1"}"#))
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"NOT_CONNECTED"}}}"#))
        let session = try await mint()
        try await relay(session, answered: "tariff_connection_pending")
        #expect(try await sessions.outcomes.handleCallback(session.connectToken).state == .pending)
        clock.advance(by: 86400)
        upstream.on("claim", .json("{}", status: 404))
        upstream.on("status", .json("{}", status: 500))
        let before = (claims: upstream.requests("claim").count, polls: upstream.requests("status").count)
        await sessions.poller.pollDueSessions()
        await sessions.finish()
        let failed = upstream.requests("status").count
        #expect(failed > before.polls)
        await sessions.poller.pollDueSessions()
        #expect(upstream.requests("status").count == failed)
        clock.advance(by: 3600)
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        await sessions.poller.pollDueSessions()
        #expect(upstream.requests("claim").count == before.claims, "a dead token is not claimed")
        #expect(try await state(session) == .connected)
    }
}
