import Core
import Networking
import TestSupport
import Testing

@testable import Sessions

/// Launch URLs of the hosted page and of other apps.
@Suite struct LaunchLinkTests {
    private static let page = ConnectApp(hostedAt: "https://bff.example/x")

    @Test(
        arguments: [
            (page, nil, false, "https://bff.example/x/connect#ticket=\(TicketTests.first)"),
            (page, CustomerLanguage.german, false, "https://bff.example/x/connect?lang=de#ticket=\(TicketTests.first)"),
            (page, nil, true, "https://bff.example/x/connect#ticket=\(TicketTests.first)&shell=1"),
            (page, .dutch, true, "https://bff.example/x/connect?lang=nl#ticket=\(TicketTests.first)&shell=1"),
            // Another app has neither of them.
            (
                ConnectApp(name: "web", url: "https://a.example"), .german, true,
                "https://a.example/?fp_cot=\(TicketTests.token)"
            ),
            (
                ConnectApp(name: "ios", url: "myapp://connect?x=1#top"), nil, false,
                "myapp://connect?x=1&fp_cot=\(TicketTests.token)#top"
            ),
            // The name alone does not make it the hosted page.
            (
                ConnectApp(name: "page", url: "https://a.example/connect"), nil, true,
                "https://a.example/connect?fp_cot=\(TicketTests.token)"
            ),
        ] as [(ConnectApp, CustomerLanguage?, Bool, String)])
    func `the hosted page gets a ticket in the fragment, other apps the token in the query`(
        app: ConnectApp, language: CustomerLanguage?, isShell: Bool, url: String
    ) throws {
        let session = try TicketTests.session()
        let link = LaunchLink(to: app, language: language, isShell: isShell)
        #expect(link.url(for: session) == url)
        #expect(link.hasTicket == app.isHosted)
        #expect(
            !link.text.contains(TicketTests.token) && !link.text.contains(TicketTests.first), "nothing to keep secret")
        let kept = LaunchLink(kept: link.text)
        #expect(kept.url(for: session) == url)
        #expect(kept.hasTicket == link.hasTicket)
        let launch = Launch(session, by: kept)
        #expect(launch.launchURL == url)
        #expect((launch.connectToken == nil) == app.isHosted)
        #expect(url.contains(TicketTests.token) != app.isHosted)
    }
}

/// Mints for the hosted page.
extension SessionsTests {
    @Test func `a mint for the hosted page gives a ticket, the same one for the same key`() async throws {
        let body = Array(#"{"app":"page","language":"fr","options":{"shell":true}}"#.utf8)
        let key = IdempotencyKey("k")
        let first = try await sessions.minter.mint(body, as: key, for: alice)
        #expect(first.connectToken == nil)
        let ticket = Ticket(for: first.session, after: nil).exposed
        #expect(first.launchURL == "https://bff.example/connect?lang=fr#ticket=\(ticket)&shell=1")
        // Also once it is exchanged, by another process, and after the page was turned off.
        _ = try await sessions.tickets.exchange(try #require(Ticket(ticket)), by: try TicketTests.holder(1))
        let off = ServiceFixture(
            flatpeak: .scripted(upstream), store: store,
            settings: SessionSettings(
                callbackURL: "x", apps: [.init(name: "page", url: "https://a.example")], returnURLs: []),
            now: { [clock] in clock.wall }, time: clock.time)
        for node in [sessions, off.sessions] {
            let again = try await node.minter.mint(body, as: key, for: alice)
            #expect(again.session.id == first.session.id)
            #expect(again.launchURL == first.launchURL)
            #expect(again.connectToken == nil)
        }
        #expect(upstream.requests("mint").count == 1)
        let call = try #require(upstream.requests("mint").first)
        #expect(call.text.contains(#""connect_url":"https://bff.example/connect""#))
        #expect(!call.text.contains("shell") && !call.text.contains("language") && !call.text.contains("route_options"))
    }

    @Test func `the options of the hosted page go with those of Flatpeak, and do not reach it`() async throws {
        let body = #"{"app":"page","language":"en","options":{"shell":false,"tariff_name_capture":true}}"#
        let launch = try await sessions.minter.mint(Array(body.utf8), as: nil, for: alice)
        #expect(launch.launchURL.hasBytePrefix("https://bff.example/connect?lang=en#ticket=\(launch.session.id)."))
        #expect(!launch.launchURL.contains("shell"))
        let call = try #require(upstream.requests("mint").first)
        #expect(call.text.contains(#""route_options":{"tariff_name_capture":true}"#))
    }
}
