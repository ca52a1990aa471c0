import Core
import Foundation
import Testing

@testable import ConnectPage

/// The pages that the server makes itself.
@Suite struct MessagePagesTests {
    private static let id = RequestID(RequestNumber(high: 1, low: 2))
    private static let logo = BrandLogo(Array(#"<svg xmlns="http://www.w3.org/2000/svg"/>"#.utf8))

    private static let messages: [MessagePages.Message] =
        [.ended, .back(url: "myapp://done")]
        + [
            .connectTokenMissing, .connectTokenUnknown, .connectTokenUsed, .connectTokenExpired, .ticketUnknown,
            .ticketUsed, .ticketExpired, .rateLimited(retryAfter: 3), .requestTimedOut, .overloaded, .storeUnavailable,
            .notReady, .internalFailure, .malformedHeader, .methodNotAllowed, .notFound,
            .invalidField("fp_cot", reason: .malformed),
        ].map { (error: BFFError) in .failure(error, id) }

    private static func text(
        _ message: MessagePages.Message, _ language: CustomerLanguage = .english, at path: String? = nil,
        by pages: MessagePages = MessagePages()
    ) -> String {
        String(decoding: pages.html(message, in: language, at: path), as: UTF8.self)
    }

    private static func words(_ html: String) throws -> (title: String, heading: String, lead: String) {
        let title = try #require(html.firstMatch(of: /<title>(.*) – Connect<\/title>/)).output.1
        let heading = try #require(html.firstMatch(of: /<h1>(.*)<\/h1>/)).output.1
        let lead = try #require(html.firstMatch(of: /<p class="lead">(.*)<\/p>/)).output.1
        return (String(title), String(heading), String(lead))
    }

    @Test(
        "each page has its words in each language, and they are not those of another one",
        arguments: messages)
    func languages(_ message: MessagePages.Message) throws {
        var leads: Set<String> = []
        for language in CustomerLanguage.allCases {
            let html = Self.text(message, language)
            let (title, heading, lead) = try Self.words(html)
            #expect(html.contains("<html lang=\"\(language.rawValue)\">"))
            #expect(title == heading)
            #expect(heading.count > 3)
            #expect(lead.hasSuffix("."))
            #expect(!lead.contains("${"))
            leads.insert(lead)
        }
        #expect(leads.count == CustomerLanguage.allCases.count)
    }

    @Test("the texts that the server asks for are all there", arguments: CustomerLanguage.allCases)
    func texts(_ language: CustomerLanguage) {
        let texts = PageTexts.of(language)
        let keys = Self.messages.flatMap { [$0.text.title, $0.text.lead] } + ["reference", "retry", "help", "privacy"]
        for key in keys { #expect(!texts[key].isEmpty, "\(key)") }
        #expect(texts["no.such.text"].isEmpty)
    }

    @Test("a dictionary is read line by line, with its constants") func dictionary() {
        let texts = PageTexts(
            Array(
                """
                // A comment: 'x'
                const again = 'Do it again.';

                export default {
                  plain: 'One',
                  'with.point': 'It’s: “two”, {count}',
                  'with.constant': `First. ${again}`,
                  counted: { one: '1', other: '2' },
                  // not: 'this',
                };
                """.utf8))
        #expect(texts["plain"] == "One")
        #expect(texts["with.point"] == "It’s: “two”, {count}")
        #expect(texts["with.constant"] == "First. Do it again.")
        #expect(texts["counted"].isEmpty)
    }

    // MARK: - Look

    @Test(
        "a page is dressed as the hosted page, wherever it is",
        arguments: ["/connect", "/connect/popup", "/v1/connect/callback", "/launch"])
    func look(_ path: String) throws {
        let brand = BrandSettings(
            name: "Daylight", color: BrandColor("#1f6f4a"), logo: Self.logo, supportURL: "https://help.example/",
            privacyURL: "https://privacy.example/")
        let page = ConnectPage(brand)
        let html = Self.text(.failure(.overloaded, Self.id), .german, at: path, by: MessagePages(brand, in: page))
        let base = try #require(URL(string: "https://app.example/prefix\(path)?fp_cot=x"))
        var found: [String] = []
        for match in html.matches(of: /(?:src|href)="([^"]+)"/) where !match.output.1.hasPrefix("https:") {
            let url = try #require(URL(string: String(match.output.1), relativeTo: base)).absoluteURL.path
            let prefix = "/prefix/connect/assets/\(page.digest)/"
            #expect(url.hasPrefix(prefix), "\(url)")
            let name = String(url.dropFirst(prefix.count))
            #expect(page.asset(named: name) != nil, "\(url)")
            found.append(name)
        }
        #expect(found == ["logo.svg", "style.css", "theme.css", "logo.svg", "again.js"])
        #expect(html.contains(#"alt="" height="28">Daylight</span>"#))
        #expect(html.contains(#"<a href="https://help.example/" target="_blank" rel="noopener noreferrer">Hilfe</a>"#))
        #expect(html.contains(#"href="https://privacy.example/""#))
        // The content policy forbids all of these.
        #expect(!html.contains(/<script(?![^>]* src=")/))
        #expect(!html.contains(/\s(style|on[a-z]+)=/))
        #expect(!html.contains("<style"))
    }

    @Test("without a hosted page, and where its path is not known, a page loads nothing") func plain() {
        let brand = BrandSettings(name: "Daylight", logo: Self.logo, supportURL: "mailto:help@example.com")
        let off = MessagePages(brand), on = MessagePages(brand, in: ConnectPage(brand))
        for html in [
            Self.text(.failure(.overloaded, Self.id), at: "/v1/connect/callback", by: off),
            Self.text(.failure(.malformedHeader, Self.id), by: on),
        ] {
            #expect(!html.contains("<link"))
            #expect(!html.contains("<img"))
            #expect(!html.contains("<script"))
            #expect(html.contains("Daylight"))
            #expect(html.contains(#"href="mailto:help@example.com""#))
            #expect(html.contains(#"<meta name="color-scheme" content="light dark">"#))
        }
        #expect(off.contentPolicy(isFramed: true) == nil)
    }

    @Test("the policy is that of the documents, and names who may frame a page that stands for one") func policy()
        throws
    {
        let page = ConnectPage(framedBy: ["https://app.example"])
        let pages = MessagePages(in: page)
        #expect(pages.contentPolicy(isFramed: true) == page.contentPolicy(of: .page))
        #expect(pages.contentPolicy(isFramed: false) == page.contentPolicy(of: .popup))
    }

    // MARK: - Ways on

    @Test("what may pass can be tried again, and nothing else")
    func again() {
        for (error, mayPass) in [
            (.rateLimited(retryAfter: 3), true), (.overloaded, true), (.storeUnavailable, true),
            (.internalFailure, true), (.requestTimedOut, true), (.connectTokenUnknown, false),
            (.connectTokenMissing, false), (.invalidField("fp_cot", reason: .malformed), false),
        ] as [(BFFError, Bool)] {
            let html = Self.text(.failure(error, Self.id))
            #expect(html.contains(#"<a class="primary" id="again" href="">Try again</a>"#) == mayPass, "\(error)")
            #expect(html.contains("Reference <code>\(Self.id)</code>"), "\(error)")
        }
        #expect(!Self.text(.ended).contains("<a "))
    }

    @Test("nothing of an address or a brand gets out of its place") func escaping() {
        let url = #"myapp://x"'><script>alert(1)</script>&amp;<é"#
        let brand = BrandSettings(name: "<b>&\"", supportURL: "https://help.example/?a='\"><script>")
        let html = Self.text(.back(url: url), by: MessagePages(brand))
        #expect(
            html.contains(
                #"href="myapp://x&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;&lt;é""#))
        #expect(html.contains("&lt;b&gt;&amp;&quot;"))
        #expect(!html.contains("<script"))
        #expect(!html.contains("<b>"))
    }
}
