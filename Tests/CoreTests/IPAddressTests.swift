import Core
import Testing

@Suite struct IPAddressTests {
    @Test(
        arguments: [
            ("127.0.0.1", [127, 0, 0, 1]), ("255.255.255.255", [255, 255, 255, 255]),
            ("::ffff:192.0.2.1", [192, 0, 2, 1]),
            ("::1", Array(repeating: 0, count: 15) + [1]), ("::", Array(repeating: 0, count: 16)),
            ("2001:db8::8:800:200c:417a", [0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 8, 8, 0, 0x20, 0x0C, 0x41, 0x7A]),
            ("1:2:3:4:5:6:7:8", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]),
            ("64:ff9b::192.0.2.1", [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1]),
        ] as [(String, [UInt8])])
    func `addresses`(text: String, bytes: [UInt8]) {
        #expect(IPAddress(text)?.bytes == bytes)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.4 ", "0x7f.0.0.1", "1.2.3.-4", "localhost", ":",
        ":::",
        "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "fe80::1%eth0", "[::1]", "::1.2.3",
        "1.2.3.4::",
        "::ffff:1.2.3.4:5", "1:2:3:4:5:6:7::8", "unknown",
    ])
    func `what is none`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("192.0.2.7", "192.0.2.7", true),
        ("192.0.2.7", "192.0.2.8", false), ("0.0.0.0/0", "8.8.8.8", true), ("0.0.0.0/0", "::1", false),
        ("172.16.0.0/12", "172.31.255.255", true), ("172.16.0.0/12", "172.32.0.0", false),
        ("2001:db8::/32", "2001:db8:1::", true),
        ("2001:db8::/33", "2001:db8:8000::", false), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
    ])
    func `ranges`(range: String, address: String, isIn: Bool) throws {
        #expect(try #require(AddressRange(range)).contains(try #require(IPAddress(address))) == isIn)
    }

    @Test(arguments: [
        "", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.1/8", "10.0.0.0/", "::/129", "a/8", "10.0.0.0/8/8",
    ])
    func `what is no range`(text: String) {
        #expect(AddressRange(text) == nil)
    }
}
