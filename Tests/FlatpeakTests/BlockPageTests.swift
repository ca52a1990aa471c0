import Core
import Networking
import TestSupport
import Testing

@testable import Flatpeak

/// Refusals of firewalls, proxies and filters before Flatpeak, distinguished from refused credentials.
@Suite struct BlockPageTests {
    struct Row: Sendable {
        let type: String?
        let body: String
        let isBlocked: Bool
    }

    @Test(
        arguments: [
            // Akamai, AWS, Zscaler and others.
            Row(type: "text/html", body: "<HTML><HEAD><TITLE>Access Denied</TITLE>", isBlocked: true),
            Row(type: "text/html; charset=UTF-8", body: "", isBlocked: true),
            Row(type: nil, body: "  \r\n<!doctype html>", isBlocked: true),
            // Some say that their page is JSON.
            Row(type: "application/json", body: "<html>", isBlocked: true),
            // Cloudflare, Envoy, Squid's deny_info.
            Row(type: "text/plain; charset=UTF-8", body: "error code: 1020", isBlocked: true),
            Row(type: "text/plain", body: "RBAC: access denied", isBlocked: true),
            Row(type: "application/json", body: #"{"message":"Bad"#, isBlocked: true),
            // Flatpeak's own.
            Row(type: "application/json", body: #"{"message":"Bad credentials"}"#, isBlocked: false),
            Row(type: "text/plain", body: "Bad credentials", isBlocked: false),
            Row(type: "application/json", body: #""Bad credentials""#, isBlocked: false),
            Row(type: "application/json", body: "{}", isBlocked: false),
            // No header identifies it.
            Row(type: nil, body: "", isBlocked: false),
        ], [401, 403])
    func `a refusal that is not Flatpeak's is no word about the credentials`(row: Row, status: Int) async throws {
        let upstream = ScriptedUpstream()
        let answer = HTTPAnswer(
            status: status, contentType: row.type, retryAfter: nil, body: Array(row.body.utf8))
        upstream.on("login", answer)
        let client = FlatpeakClient.scripted(upstream)
        let expected: BFFError = row.isBlocked ? .upstreamBlocked(status: status) : .upstreamRefusedCredentials
        await #expect(throws: expected) { try await client.mint(MintOrder(connectURL: "a://b", callbackURL: "c://d")) }
        #expect(client.status.login.trouble == expected)
    }

    @Test func `other errors with a page stay what they are`() {
        for status in [400, 404, 429, 500, 503] {
            let page = HTTPAnswer(
                status: status, contentType: "text/plain", retryAfter: nil, body: Array("no".utf8))
            #expect(!page.isBlockPage)
        }
    }
}
