import ConnectPage
import Core
import Edge
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct ReturnURLTests {
    private static func reply(to url: String, _ fields: HTTPFields = [:]) -> Reply {
        let request = HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/", headerFields: fields)
        return .goingBack(to: url, from: request)
    }

    private static let document: HTTPFields = [.secFetchDest: "document"]

    @Test(
        "A deep link is a page to a browser that loads a document, and a redirect with a page to everyone else",
        arguments: ["myapp://done?a=1", "MyApp:done", "http-app://done", "httpx:done", "https.app:done"])
    func deepLink(_ url: String) {
        let page = Self.reply(to: url, Self.document)
        #expect(page.status == .ok)
        #expect(page.headers[.refresh] == "0; url=\(url)")
        #expect(page.headers[.location] == nil)
        #expect(page.message == .back(url: url))
        for destination: HTTPFields in [[:], [.secFetchDest: "empty"], [.secFetchDest: "iframe"]] {
            let redirect = Self.reply(to: url, destination)
            #expect(redirect.status == .seeOther)
            #expect(redirect.headers[.location] == url)
            #expect(redirect.headers[.refresh] == nil)
            #expect(redirect.message == page.message)
        }
    }

    @Test("A web address is a redirect in every browser", arguments: ["https://a.test/?x", "HTTP://a.test/"])
    func webAddress(_ url: String) {
        let reply = Self.reply(to: url, Self.document)
        #expect(reply.status == .seeOther)
        #expect(reply.headers[.location] == url)
        #expect(reply.headers[.refresh] == nil)
        #expect(reply.message == .back(url: url))
    }
}
