import Core
import Testing

@Suite struct SecretTests {
    @Test func `neither a secret nor a connect token can be printed`() throws {
        struct Holder { let secret: Secret, token: ConnectToken }
        let holder = Holder(secret: Secret("kept-key"), token: try #require(ConnectToken("cot_kept")))
        var dumped = ""
        dump(holder, to: &dumped)
        for text in ["\(holder)", String(reflecting: holder), dumped, "\(holder.secret)\(holder.token)"] {
            #expect(!text.contains("kept"))
        }
    }

    @Test("a credential with a line end, blank, NUL or no characters is refused (S4)")
    func S4() {
        for text in ["", "a b", "a\r\nb", "a\nb", "a\0b", "ä", String(repeating: "a", count: 8193)] {
            #expect(!Secret.isToken68(text))
        }
        #expect(Secret.isToken68("eyJh.eyJ-_~+/=="))
        for text in ["", "cot 1", "cot_1\n", "cot_\u{E9}", String(repeating: "a", count: 129)] {
            #expect(ConnectToken(text) == nil)
        }
    }

    @Test(arguments: [1, 7, 8, 47, 48, 49, 128]) func `a token is what it was read from`(length: Int) throws {
        let text = String("cot_0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ".prefix(length))
        let padded = text + String(repeating: "_", count: length - text.count)
        let token = try #require(ConnectToken(padded))
        #expect(token.exposed == padded)
        #expect(token == ConnectToken(padded.utf8.span))
        let other = try #require(ConnectToken(padded.dropLast() + "0"))
        #expect(token != other)
        #expect(token != ConnectToken(padded + "0"))
        #expect(Set([token, other, token]).count == 2)
    }

    @Test("whatever looks like a connect token is masked (S2)")
    func S2() {
        #expect(ConnectToken.masked("GET /?fp_cot=cot_6587fa&x=1 cot_ab-c_D.") == "GET /?fp_cot=cot_***&x=1 cot_***.")
        #expect(ConnectToken.masked("cot") == "cot")
    }

    @Test(
        "whatever looks like a connect token is cut out of an answer (S1)",
        arguments: [
            (#"{"a":["cot_6587fa","x"],"b":1}"#, #"{"a":["","x"],"b":1}"#),
            (#"{"u":"https://a/?fp_cot=cot_ab-c_D&x=1"}"#, #"{"u":"https://a/?fp_cot=&x=1"}"#),
            (#"{"u":"cot_\u0041"}"#, #"{"u":"\u0041"}"#), ("cot_", ""), ("cot", "cot"), ("", ""),
            ("apricot_jam", "apricot_jam"), ("_cot_a cot_a.cot_b", "_cot_a ."),
        ])
    func S1(text: String, expected: String) {
        #expect(String(decoding: ConnectToken.removed(from: Array(text.utf8)), as: UTF8.self) == expected)
    }

    @Test(arguments: ["", "a b", "a/b", "..", "a%2F", "é", String(repeating: "a", count: 65)])
    func `an identifier is safe in a path`(text: String) {
        #expect(LocationID(text) == nil)
    }

    @Test(arguments: ["", " a", "a ", "a\nb", "a\u{7F}", String(repeating: "a", count: 256)])
    func `a subject is one plain line`(text: String) {
        #expect(Subject(text) == nil)
    }

    @Test func `a made identifier has its prefix and 96 random bits`() {
        #expect(SessionID(prefix: "cs", random: Array(0...11)).text == "cs_000102030405060708090a0b")
    }

    @Test func `an unknown field is named without misleading characters`() {
        #expect(BFFError.FieldName("a\n<b>").text == "a??b?")
        #expect(BFFError.UpstreamCode("no_price_data")?.text == "no_price_data")
        #expect(BFFError.UpstreamCode("<script>") == nil)
    }
}
