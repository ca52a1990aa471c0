import ConnectPage
import Edge
import Foundation
import Testing

@testable import connect_bff

/// Which names, colours, images and addresses a brand may have.
@Suite struct BrandSettingsTests {
    private let fixture: SettingsFixture

    init() throws { fixture = try SettingsFixture() }

    private func problem(_ variable: String, _ text: String) async -> String? {
        let problems = await SettingsFixture.problems(fixture.environment(variable, text))
        #expect(problems.count < 2, "\(problems)")
        #expect(problems.allSatisfy { $0.hasPrefix("\(variable): ") })
        return problems.first
    }

    @Test(
        "names as companies have them",
        arguments: [
            ("Daylight", true), ("<b>Tom & Jerry's \"Energy\"</b>", true), ("Ørsted", true), ("{{config}}", true),
            (String(repeating: "x", count: 40), true), (String(repeating: "x", count: 41), false),
            ("a\u{202E}b", false), ("a\u{2066}b", false),
        ])
    func name(_ text: String, _ isFit: Bool) async {
        defer { fixture.remove() }
        #expect((await problem("BFF_BRAND_NAME", text) == nil) == isFit)
    }

    @Test(
        "colours in hexadecimal digits",
        arguments: [
            ("#fff", true), ("#0B6E4F", true), ("#000000", true), ("0b6e4f", false), ("#0b6e4", false),
            ("#0b6e4fff", false), ("#0b6", true), ("#0b6f", false), ("#", false), ("red", false), ("#ggg", false),
            ("rgb(0,0,0)", false), ("#fff;}", false), ("#ﬀﬀﬀ", false), ("#fff\u{301}", false),
        ])
    func color(_ text: String, _ isFit: Bool) async {
        defer { fixture.remove() }
        #expect((await problem("BFF_BRAND_COLOR", text) == nil) == isFit)
    }

    @Test(
        "addresses that a customer's browser opens and that run nothing",
        arguments: [
            ("https://help.example/?a=1#b", true, true), ("http://localhost:8080/help", true, true),
            ("http://help.example", false, false), ("mailto:help@app.example?subject=a", true, false),
            ("tel:+44-20-7946-0000", true, false), ("mailto:", false, false), ("mailto:@", false, false),
            ("mailto:help", false, false), ("tel:", false, false), ("tel:help", false, false),
            ("javascript:alert(1)", false, false), ("data:text/html,x", false, false), ("myapp://help", false, false),
            ("/help", false, false), ("https://user:secret@help.example", false, false), ("https://", false, false),
            ("https://help.example/\"><script>", true, true), ("sms:+4420", false, false),
        ])
    func address(_ text: String, _ helps: Bool, _ informs: Bool) async {
        defer { fixture.remove() }
        #expect((await problem("BFF_BRAND_SUPPORT_URL", text) == nil) == helps)
        #expect((await problem("BFF_BRAND_PRIVACY_URL", text) == nil) == informs)
    }

    @Test("a logo of the right kind and size, by what is in the file") func logo() async throws {
        defer { fixture.remove() }
        let svg = #"<svg xmlns="http://www.w3.org/2000/svg">"#
        let padding = { (count: Int) in svg + String(repeating: " ", count: count - svg.utf8.count) }
        for (name, text, isFit) in [
            ("a.png", svg, true), ("b.svg", "<html></html>", false), ("c.svg", "", false),
            ("d.svg", padding(BrandLogo.longest), true), ("e.svg", padding(BrandLogo.longest + 1), false),
        ] {
            let path = try fixture.write(name, text)
            #expect((await problem("BFF_BRAND_LOGO", path) == nil) == isFit, "\(name)")
        }
        let huge = try fixture.write("huge.png", "")
        #expect(unsafe truncate(huge, 20 << 20) == 0)
        #expect(await problem("BFF_BRAND_LOGO", huge)?.hasSuffix("is larger than 256 KiB") == true)
        #expect(await problem("BFF_BRAND_LOGO", "\(fixture.folder)/none")?.hasSuffix("cannot be read") == true)
        #expect(await problem("BFF_BRAND_LOGO", fixture.folder)?.hasSuffix("is not a regular file") == true)
    }

    @Test("follows the links of Kubernetes to a logo, and checks the mode of the file itself (I17)")
    func volume() async throws {
        defer { fixture.remove() }
        let volume = try SecretVolume("\(fixture.folder)/volume")
        let path = "\(volume.path)/logo.svg"
        let bytes = Data(#"<svg xmlns="http://www.w3.org/2000/svg"/>"#.utf8)
        try volume.publish(["logo.svg": bytes], mode: 0o444)
        #expect(await problem("BFF_BRAND_LOGO", path) == nil)
        try volume.publish(["logo.svg": bytes], mode: 0o446)
        #expect(await problem("BFF_BRAND_LOGO", path)?.contains("may be written by anybody") == true)
    }

    @Test(
        "the listed origins may frame the page, and this service's own only where it is listed",
        arguments: [
            ([:], []), (["BFF_CONNECT_APPS": "web=https://app.example,ios=myapp://x"], ["https://app.example"]),
            (
                ["BFF_ALLOWED_ORIGINS": "https://a.example,capacitor://localhost"],
                ["capacitor://localhost", "https://a.example"]
            ),
            (["BFF_ALLOWED_ORIGINS": "https://bff.example"], ["https://bff.example"]),
        ] as [([String: String], [String])])
    func framing(_ changes: [String: String], _ ancestors: [String]) async throws {
        defer { fixture.remove() }
        var environment = SettingsTests.minimal
        environment["BFF_PUBLIC_URL"] = "https://bff.example/connect-bff"
        environment.merge(changes) { $1 }
        let settings = try await Settings.read(environment: environment, file: nil)
        #expect(settings.service.edge.frameAncestors.sorted() == ancestors)
        #expect(settings.service.edge.origins.contains("https://bff.example"))
    }
}
