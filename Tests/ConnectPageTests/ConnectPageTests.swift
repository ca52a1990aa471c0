import Core
import Foundation
import NIOCore
import Testing

@testable import ConnectPage

@Suite struct ConnectPageTests {
    private static let hostile = #"</title></script><script>alert("1")</script> & ' {{config}}"#

    private static func text(
        _ page: ConnectPage, _ document: ConnectPage.Document = .page, in language: CustomerLanguage = .english
    ) throws -> String {
        String(buffer: try #require(page.document(document, in: language)).plain)
    }

    private static func config(_ html: String) throws -> [String: Any] {
        let json = try #require(
            html.firstMatch(of: /<script type="application\/json" id="config">(.*?)<\/script>/)
        ).output.1
        return try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    }

    // MARK: - Documents

    @Test("each document is filled, in each language", arguments: CustomerLanguage.allCases)
    func documents(_ language: CustomerLanguage) throws {
        let page = ConnectPage(BrandSettings(name: "Daylight"))
        for document in ConnectPage.Document.allCases {
            let html = try Self.text(page, document, in: language)
            #expect(html.hasPrefix("<!doctype html>"))
            #expect(html.contains("<html lang=\"\(language.rawValue)\""))
            #expect(html.contains("<title>Daylight</title>"))
            #expect(!html.contains("{{"))
            // The content policy forbids all of these.
            #expect(!html.contains(/<script(?![^>]*( src="|type="application\/json"))/))
            #expect(!html.contains(/\s(style|on[a-z]+)=/))
            #expect(!html.contains("<style"))
        }
        #expect(try Self.text(ConnectPage()).contains("<title>Connect</title>"))
    }

    @Test("addresses are relative, so that a proxy may take a path off the public address")
    func relativeAddresses() throws {
        let page = ConnectPage(
            BrandSettings(logo: BrandLogo(Array(#"<svg xmlns="http://www.w3.org/2000/svg"/>"#.utf8))))
        for (document, own) in [(ConnectPage.Document.page, "connect"), (.popup, "connect/popup")] {
            let html = try Self.text(page, document)
            var found = 0
            for match in html.matches(of: /(?:src|href)="([^"]*)"/) {
                let base = try #require(URL(string: "https://app.example/prefix/\(own)"))
                let url = try #require(URL(string: String(match.output.1), relativeTo: base)).absoluteURL.path
                let prefix = "/prefix/connect/assets/\(page.digest)/"
                #expect(url.hasPrefix(prefix), "\(url)")
                #expect(page.asset(named: String(url.dropFirst(prefix.count))) != nil, "\(url)")
                found += 1
            }
            #expect(found > 3)
            let logo = try #require(try Self.config(html)["logo"] as? String)
            #expect(html.contains("href=\"\(logo)\""))
        }
    }

    @Test("nothing of a brand gets out of its place") func escaping() throws {
        var brand = BrandSettings(name: Self.hostile)
        brand.supportURL = "https://help.example/?a='</script>"
        let html = try Self.text(ConnectPage(brand, framedBy: ["https://app.example"]))
        #expect(html.contains("<title>&lt;/title&gt;&lt;/script&gt;&lt;script&gt;alert(&quot;1&quot;)"))
        #expect(!html.contains("<script>"))
        let config = try Self.config(html)
        #expect(config["name"] as? String == Self.hostile)
        #expect(config["support"] as? String == brand.supportURL)
        #expect(config["privacy"] is NSNull)
        #expect(config["logo"] is NSNull)
        #expect(config["origins"] as? [String] == ["https://app.example"])
        #expect(config["languages"] as? [String] == ["en", "de", "fr", "nl"])
        #expect(config["version"] as? String == "2025-09-14.anode")
    }

    @Test("the page learns the API version, by which it starts a session") func version() throws {
        let config = try Self.config(try Self.text(ConnectPage(apiVersion: "2026-08-01.busbar")))
        #expect(config["version"] as? String == "2026-08-01.busbar")
    }

    @Test("a template keeps a place without a value, and does not search values") func template() {
        let fill = { (text: String) in
            String(
                decoding: Template(Array(text.utf8)).filled(with: ["a": "{{b}}", "b": "2"]), as: UTF8.self)
        }
        #expect(fill("{{a}}-{{b}}-{{c}}-{{") == "{{b}}-2-{{c}}-{{")
        #expect(fill("") == "")
        #expect(fill("}}{{a}}{") == "}}{{b}}{")
    }

    @Test("the modules of the first screen are loaded at once, each of them once, and the language among them")
    func preloads() throws {
        let page = ConnectPage()
        for language in CustomerLanguage.allCases {
            let html = try Self.text(page, in: language)
            let modules = html.matches(of: /<link rel="modulepreload" href="[^"]*\/([^"\/]*)">/).map {
                String($0.output.1)
            }
            #expect(Set(modules).count == modules.count)
            #expect(!modules.contains("page.js"))
            #expect(modules.contains("text-\(language.rawValue).js"))
            for name in modules + ["page.js"] {
                let asset = try #require(page.asset(named: name))
                for needed in asset.imports { #expect(modules.contains(needed), "\(name) imports \(needed)") }
            }
        }
    }

    @Test("every module imports files that are there") func imports() throws {
        let page = ConnectPage()
        for asset in Asset.embedded where asset.name.hasSuffix(".js") {
            for name in asset.imports { #expect(page.asset(named: name) != nil, "\(asset.name) imports \(name)") }
        }
        let imports = ScriptText.imports(
            of: Array(
                """
                import { a } from './a.js';
                import "./b.js"
                export * from "./c.js";
                const d = await import('./d.js');
                import e from '/e.js';
                """.utf8))
        #expect(imports == ["a.js", "b.js", "c.js"])
    }

    @Test("the first screen is at most 60 KiB over the wire, in every language", arguments: CustomerLanguage.allCases)
    func size(_ language: CustomerLanguage) throws {
        let page = ConnectPage(BrandSettings(name: "Daylight", color: BrandColor("#0b6e4f")))
        let document = try #require(page.document(.page, in: language))
        let html = String(buffer: document.plain)
        let names = Set(html.matches(of: /(?:src|href)="[^"]*\/([^"\/]*)"/).map { String($0.output.1) })
        let parts = try [document] + names.map { try #require(page.asset(named: $0)).representation }
        // Each with about so much of a head.
        let bytes = parts.reduce(0) { $0 + ($1.compressed ?? $1.plain).readableBytes + 500 }
        #expect(bytes <= 60 << 10, "\(bytes) bytes in \(parts.count) answers")
        #expect(parts.count > 5)
    }

    // MARK: - Files

    @Test("the hash is over every file, the theme and the logo, and is the same on every node") func digest() throws {
        let digest = ConnectPage().digest
        #expect(digest.wholeMatch(of: /[0-9a-f]{16}/) != nil)
        #expect(ConnectPage().digest == digest)
        // These are in the documents alone, which are not kept.
        #expect(ConnectPage(BrandSettings(name: "Daylight"), framedBy: ["https://app.example"]).digest == digest)
        let logo = { (text: String) in
            BrandLogo(Array(#"<svg xmlns="http://www.w3.org/2000/svg">\#(text)"#.utf8))
        }
        let others = [
            BrandSettings(color: BrandColor("#123")), BrandSettings(color: BrandColor("#124")),
            BrandSettings(logo: logo("a")), BrandSettings(logo: logo("b")),
        ].map { ConnectPage($0).digest }
        #expect(Set(others + [digest]).count == 5)
    }

    @Test("there is a file for every name, and none for another") func assets() throws {
        let page = ConnectPage()
        for asset in Asset.embedded { #expect(page.asset(named: asset.name) == asset) }
        #expect(page.asset(named: "theme.css")?.representation.plain == ByteBuffer())
        for name in ["logo.png", "logo.svg", "index.html", "popup.html", "", "..", "Page.js"] {
            #expect(page.asset(named: name) == nil)
        }
        #expect(Set(Asset.embedded.map(\.name)).count == Asset.embedded.count)
    }

    @Test("texts are shorter in gzip") func compression() {
        for asset in Asset.embedded where asset.representation.plain.readableBytes > 1000 {
            let plain = asset.representation.plain.readableBytes
            let compressed = asset.representation.compressed?.readableBytes
            #expect(compressed.map { $0 < plain * 2 / 3 } == true, "\(asset.name)")
        }
    }

    // MARK: - Policy

    @Test("documents run and load their own files alone, and are framed by the listed origins") func policy() {
        let page = ConnectPage(framedBy: ["https://b.example", "capacitor://localhost"])
        let policy = page.contentPolicy(of: .page)
        #expect(
            policy == """
                default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                base-uri 'none'; form-action 'none'; frame-ancestors capacitor://localhost https://b.example; \
                require-trusted-types-for 'script'; trusted-types 'none'
                """)
        #expect(page.isFramed(.page))
        #expect(!page.isFramed(.popup))
        #expect(page.contentPolicy(of: .popup) == ConnectPage().contentPolicy(of: .page))
        #expect(ConnectPage().contentPolicy(of: .page).contains("frame-ancestors 'none';"))
        #expect(!ConnectPage().isFramed(.page))
        for policy in [policy, ContentPolicy.image] { #expect(!policy.contains("unsafe")) }
    }
}
