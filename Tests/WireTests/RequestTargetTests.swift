import Core
import Testing
import Wire

@Suite struct RequestTargetTests {
    @Test(
        arguments: [
            ("/", "/", nil), ("/v1/connect?a=b", "/v1/connect", nil), ("//evil", "//evil", nil),
            ("http://a.example/x?y", "/x", "a.example"), ("https://a.example:8443", "/", "a.example:8443"),
            ("http://[::1]:80?x", "/", "[::1]:80"),
        ] as [(String, String, String?)])
    func `a path, and whom it is for when the target says so`(text: String, path: String, authority: String?) throws {
        let target = try #require(RequestTarget(text))
        #expect(target.path == path)
        #expect(target.authority.map(String.init) == authority)
    }

    @Test(arguments: [
        "", "*", "livez", "a.example:80", "gopher://a.example/", "HTTP:a.example/", "http:///x", "http://u@a.example/",
        "/x#y", "/x?y#z", "http://a.example#x", "@evil.example/", "\\..\\x",
    ])
    func `what is no target of a server`(text: String) {
        #expect(RequestTarget(text) == nil)
    }

    @Test(arguments: [
        ("a", true), ("A.b-c_d.example:443", true), ("127.0.0.1:1", true), ("[2001:db8::1]", true),
        ("[::1]:65535", true),
        ("a:", true), ("", false), (":80", false), ("a:80a", false), ("a:-80", false), ("a:123456", false),
        ("[::1", false), ("[]", false), ("[g]", false), ("[::1]x", false), ("u@a", false), ("a/b", false),
        ("a b", false), ("a,b", false), ("a?b", false), ("a#b", false), ("a\\b", false), ("http://a", false),
        ("a:80:80", false), ("a%2e", false), ("caf\u{e9}", false),
    ])
    func `a host, with or without a port`(text: String, isOne: Bool) {
        #expect(RequestTarget.isAuthority(text.utf8.span) == isOne)
    }
}
