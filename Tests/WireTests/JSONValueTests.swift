import Testing
import Wire

@Suite struct JSONValueTests {
    private func value(_ text: String) -> JSONValue? { JSONValue(Array(text.utf8)) }

    private func text(_ value: JSONValue?) -> String? { value.map { String(decoding: $0.bytes, as: UTF8.self) } }

    @Test func `members and elements are the bytes that came`() throws {
        let object = try #require(
            JSONValue(Array(" {\"a\" : 0.10000000000000000001, \"b\":[1e2, {\"c\":\"x\"}],\"d\":null}\n".utf8)))
        let members = try #require(object.members)
        #expect(Set(members.keys) == ["a", "b", "d"])
        #expect(text(members["a"]) == "0.10000000000000000001")
        #expect(members["d"]?.isNull == true)
        let elements = try #require(members["b"]?.elements)
        #expect(elements.map { text($0) } == ["1e2", "{\"c\":\"x\"}"])
        #expect(elements[1].members?["c"]?.plainText == "x")
        #expect(text(object) == "{\"a\" : 0.10000000000000000001, \"b\":[1e2, {\"c\":\"x\"}],\"d\":null}")
    }

    @Test(arguments: [
        ("1", true), ("\"a\"", true), ("true", true), ("null", true), ("-0.5", true), ("{}", false), ("[]", false),
    ])
    func `a scalar has no parts`(text: String, isScalar: Bool) throws {
        let value = try #require(JSONValue(Array(text.utf8)))
        #expect(value.isScalar == isScalar)
        #expect(value.isNull == (text == "null"))
        #expect((value.members != nil) == (text == "{}"))
        #expect((value.elements != nil) == (text == "[]"))
    }

    @Test(arguments: ["", " ", "{", "{}}", "NaN", "{\"a\":01}", "<html>", "\u{FEFF}{}"])
    func `what is no strict JSON has no value`(text: String) {
        #expect(value(text) == nil)
    }

    @Test func `an object that repeats a member has none, and a name with an escape is left out`() {
        #expect(value(#"{"a":1,"a":2}"#)?.members == nil)
        #expect(value(#"{"a":1,"\u0061":2}"#)?.members.map { Array($0.keys) } == ["a"])
        #expect(value(#"{"b":{"a":1,"a":2}}"#)?.members?["b"]?.members == nil)
    }

    @Test func `a text with an escape is not plain`() {
        #expect(value(#""a\u0062""#)?.plainText == nil)
        #expect(value(#""äöü""#)?.plainText == "äöü")
        #expect(value("12")?.plainText == nil)
    }
}
