import Core
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
}

extension Reply {
    fileprivate var bytes: [UInt8] { if case .bytes(let bytes) = body { bytes } else { [] } }
}
