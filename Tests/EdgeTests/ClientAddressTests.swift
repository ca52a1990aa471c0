import Core
import Testing

@testable import Edge

@Suite struct ClientAddressTests {
    private static func proxies(_ header: ForwardedHeader) -> TrustedProxies {
        TrustedProxies(["10.0.0.0/8", "fd00::/8"].compactMap { AddressRange($0) }, unix: true, header: header)
    }

    @Test(
        "the walk goes from the nearest hop to the first that is not ours (S36)",
        arguments: [
            ("198.51.100.7", nil, "203.0.113.1", "198.51.100.7"), ("10.0.0.1", nil, "203.0.113.1", "203.0.113.1"),
            ("10.0.0.1", nil, "6.6.6.6, 203.0.113.1", "203.0.113.1"),
            ("10.0.0.1", nil, "6.6.6.6, 203.0.113.1 , 10.9.9.9", "203.0.113.1"),
            ("10.0.0.1", nil, "10.1.1.1,10.2.2.2", "10.1.1.1"),
            ("10.0.0.1", nil, "6.6.6.6, unknown, 10.9.9.9", "10.9.9.9"), ("10.0.0.1", nil, "6.6.6.6,,", "10.0.0.1"),
            ("10.0.0.1", nil, "203.0.113.1:4711", "203.0.113.1"),
            ("10.0.0.1", nil, "[2001:db8::1]:4711", "2001:db8::1"),
            ("10.0.0.1", nil, "2001:db8::1", "2001:db8::1"), ("10.0.0.1", nil, "203.0.113.1:x", "10.0.0.1"),
            ("10.0.0.1", nil, "", "10.0.0.1"), ("fd00::1", nil, "203.0.113.1", "203.0.113.1"),
            ("10.0.0.1", "for=203.0.113.1", "6.6.6.6", "6.6.6.6"), ("10.0.0.1", "for=203.0.113.1", nil, "10.0.0.1"),
            ("unix", nil, "203.0.113.1", "203.0.113.1"), ("unix", nil, nil, nil), ("unix", nil, "garbage", nil),
            ("unknown", nil, "203.0.113.1", nil),
            // A comma is a comma, whatever stands behind it, and only ASCII digits are digits (I8).
            ("10.0.0.1", nil, "6.6.6.6,\u{301}, 203.0.113.1", "203.0.113.1"),
            ("10.0.0.1", nil, "203.0.113.1,\u{301}10.9.9.9", "10.0.0.1"),
            ("10.0.0.1", nil, "203.0.113.1:\u{664}\u{664}", "10.0.0.1"),
            ("10.0.0.1", nil, "\"203.0.113.1\"\u{301}", "10.0.0.1"),
        ] as [(String, String?, String?, String?)])
    func S36(peer: String, forwarded: String?, forwardedFor: String?, expected: String?) throws {
        try expect(expected, from: peer, forwarded, forwardedFor, reading: .xForwardedFor)
    }

    @Test(
        "RFC 7239's header, where it is the one that is read (S36, I10)",
        arguments: [
            ("10.0.0.1", "for=203.0.113.1;proto=https", "6.6.6.6", "203.0.113.1"),
            ("10.0.0.1", "for=6.6.6.6, for=\"[2001:db8::1]:80\";by=10.0.0.1", nil, "2001:db8::1"),
            ("10.0.0.1", "by=10.0.0.1", "203.0.113.1", "10.0.0.1"), ("10.0.0.1", "For = 1.2.3.4", nil, "10.0.0.1"),
            ("10.0.0.1", nil, "203.0.113.1", "10.0.0.1"),
            ("10.0.0.1", "for=6.6.6.6;\u{301}x=1, For=203.0.113.1;\u{301}by=x", nil, "203.0.113.1"),
            ("10.0.0.1", "for=\u{301}203.0.113.1", nil, "10.0.0.1"),
        ] as [(String, String?, String?, String?)])
    func forwarded(peer: String, forwarded: String?, forwardedFor: String?, expected: String?) throws {
        try expect(expected, from: peer, forwarded, forwardedFor, reading: .forwarded)
    }

    private func expect(
        _ expected: String?, from peer: String, _ forwarded: String?, _ forwardedFor: String?,
        reading header: ForwardedHeader
    ) throws {
        var head = RequestHeadFacts()
        head.forwarded = forwarded.map { [$0] } ?? []
        head.forwardedFor = forwardedFor.map { [$0] } ?? []
        let peers: [String: Peer] = ["unix": .unix, "unknown": .unknown]
        let peer = try peers[peer] ?? .address(#require(IPAddress(peer)))
        let address = ClientAddress(head, from: peer, behind: Self.proxies(header)).address
        #expect(address == expected.flatMap { IPAddress($0) })
    }
}
