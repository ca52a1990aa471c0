import Testing

@testable import Relay

@Suite struct UpstreamAddressTests {
    @Test(arguments: [
        ("https://connect.flatpeak.com", true, "connect.flatpeak.com", 443, "connect.flatpeak.com"),
        ("http://127.0.0.1:8091", false, "127.0.0.1", 8091, "127.0.0.1:8091"),
        ("https://[::1]:8443", true, "::1", 8443, "[::1]:8443"), ("http://[::1]", false, "::1", 80, "[::1]"),
    ])
    func read(url: String, isSecure: Bool, host: String, port: Int, authority: String) throws {
        let address = try #require(UpstreamAddress(url))
        #expect(address.isSecure == isSecure)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.authority == authority)
        #expect(UpstreamAddress("\(url)/prefix")?.originLength == url.utf8.count)
        #expect((address.serverName != nil) == (host == "connect.flatpeak.com"))
    }

    @Test(arguments: ["", "connect.flatpeak.com", "ftp://a", "https://", "http://:80", "http://a:x"])
    func `anything else is none`(url: String) {
        #expect(UpstreamAddress(url) == nil)
    }
}
