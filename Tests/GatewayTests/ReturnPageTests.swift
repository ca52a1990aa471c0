import Edge
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct ReturnPageTests {
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
        for destination: HTTPFields in [[:], [.secFetchDest: "empty"], [.secFetchDest: "iframe"]] {
            let redirect = Self.reply(to: url, destination)
            #expect(redirect.status == .seeOther)
            #expect(redirect.headers[.location] == url)
            #expect(redirect.headers[.refresh] == nil)
            #expect(redirect.bytes == page.bytes)
        }
    }

    @Test("A web address is a redirect in every browser", arguments: ["https://a.test/?x", "HTTP://a.test/"])
    func webAddress(_ url: String) {
        let reply = Self.reply(to: url, Self.document)
        #expect(reply.status == .seeOther)
        #expect(reply.headers[.location] == url)
        #expect(reply.headers[.refresh] == nil)
    }

    @Test("Nothing of the address gets out of the link's attribute")
    func escaping() {
        let url = #"myapp://x"'><script>alert(1)</script>&amp;<é"#
        let page = Reply.returnPage(url, in: .english)
        #expect(
            page.contains(
                #"<a href="myapp://x&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;&lt;é">"#))
        #expect(!page.contains("<script"))
    }

    @Test("Every language has its page", arguments: CustomerLanguage.allCases)
    func languages(_ language: CustomerLanguage) {
        let reply = Self.reply(to: "myapp://x", [.acceptLanguage: language.rawValue])
        let page = String(decoding: reply.bytes, as: UTF8.self)
        #expect(reply.headers[.contentLanguage] == language.rawValue)
        #expect(page.contains(#"<html lang="\#(language.rawValue)">"#))
        #expect(page.contains(">\(language.back)</a>"))
        #expect(reply.headers[.contentType] == "text/html; charset=utf-8")
    }

    @Test(
        "RFC 9110 section 12.5.4: the language that the customer likes best",
        arguments: [
            ("", CustomerLanguage.english), ("de", .german), ("de-AT", .german), ("DE-ch-1996", .german),
            ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", .french), ("pl, nl;q=0.5, en;q=0.4", .dutch),
            ("en;q=0.1,\tnl ; q=0.9", .dutch), ("de;q=0, fr;q=0.001", .french), ("de;q=0", .english), ("*", .english),
            ("de, fr", .german), ("den, frr", .english), ("de_DE", .english), ("zz-de", .english),
            ("de;q=1.001, nl;q=0.2", .dutch), ("de;q=x, fr;q=.5, nl;q=0.", .english),
            ("de;q=0.1234, fr;q=0.1", .french),
            (",,;,;q=1,-,de", .german), ("d\u{301}e", .english), (String(repeating: "de;q=0,", count: 2000), .english),
        ])
    func negotiation(_ header: String, _ language: CustomerLanguage) {
        #expect(CustomerLanguage(acceptLanguage: header) == language)
    }
}

extension Reply {
    fileprivate var bytes: [UInt8] { if case .bytes(let bytes) = body { bytes } else { [] } }
}
