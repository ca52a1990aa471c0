import Foundation
import Testing

@testable import ConnectClient

@Suite struct OriginTests {
    private func origin(_ text: String) throws -> Origin? {
        let url = try #require(URL(string: text))
        return Origin(scheme: url.scheme, host: url.host, port: url.port)
    }

    @Test(
        "compares origins as browsers do",
        arguments: [
            ("https://API.Example.com/a?b", "https", "api.example.com", 0, true),
            ("HTTPS://api.example.com:443", "https", "api.example.com", 0, true),
            ("https://api.example.com", "https", "api.example.com", 443, true),
            ("http://localhost:8080/", "http", "localhost", 8080, true),
            ("http://localhost:80", "http", "localhost", 0, true),
            ("https://api.example.com:8443", "https", "api.example.com", 0, false),
            ("https://api.example.com", "http", "api.example.com", 443, false),
            ("https://api.example.com", "https", "example.com", 0, false),
            ("https://kiosk.example", "https", "\u{212A}iosk.example", 0, false),
        ] as [(String, String, String, Int, Bool)])
    func compares(_ url: String, _ scheme: String, _ host: String, _ port: Int, _ isSame: Bool) throws {
        let service = try #require(try origin(url))
        #expect((service == Origin(scheme: scheme, host: host, port: port)) == isSame)
    }

    @Test func `gives a page without an origin none`() throws {
        #expect(Origin(scheme: "", host: "", port: 0) == nil && Origin(scheme: "https", host: nil, port: nil) == nil)
        #expect(try origin("about:blank") == nil)
    }
}
