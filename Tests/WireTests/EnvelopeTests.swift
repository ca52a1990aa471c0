import Core
import Testing
import Wire

@Suite struct EnvelopeTests {
    private func read(_ text: String) throws(BFFError) -> Envelope {
        let bytes = Array(text.utf8)
        return try Envelope(bytes.span)
    }

    @Test func `reads the three fields and ignores the rest`() throws {
        let envelope = try read(
            #" {"type":"submit","data":{"route":"x","connect_token":"cot_2"},"route":"tariff_summary","#
                + #""action":"CLOSE","connect_token":"cot_1"} "#)
        #expect(envelope.connectToken == ConnectToken("cot_1"))
        #expect(envelope.route == "tariff_summary")
        #expect(envelope.action == "CLOSE")
    }

    @Test func `a route or an action may be missing, or not be text`() throws {
        let envelope = try read(#"{"connect_token":"cot_1","route":7,"action":null}"#)
        #expect(envelope.route == nil)
        #expect(envelope.action == nil)
    }

    @Test(arguments: [
        #"{"connect_token":"cot_1","connect_token":"cot_2"}"#, #"{"connect_token":"cot_1","route":"a","route":"b"}"#,
        #"{"connect\u005ftoken":"cot_1","connect_token":"cot_2"}"#, #"{"connect_token":"cot\u005f1"}"#,
        #"{"connect_token":"cot_1","x\n":1}"#, #"{"connect_token":"cot_1"} x"#, #"["connect_token"]"#, "null", "",
    ])
    func `what two parsers could read differently is refused`(text: String) {
        #expect(throws: BFFError.malformedJSON) { try read(text) }
    }

    @Test(arguments: ["{}", #"{"connect_token":""}"#, #"{"connect_token":1}"#, #"{"connect_token":"a b"}"#])
    func `no usable token is its own error`(text: String) {
        #expect(throws: BFFError.connectTokenMissing) { try read(text) }
    }
}
