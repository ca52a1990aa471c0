import Core
import Testing

@testable import Wire

@Suite struct FlatObjectTests {
    private enum Field: String, CaseIterable { case id, name, value, count, at, list }

    private func read(_ text: String, path: String = "") throws(BFFError) -> FlatObject<Field> {
        let json = Array(text.utf8)
        return try FlatObject<Field>(json.span, path: path)
    }

    private enum Color: String { case red, blue }

    @Test func `reads each kind of value, and nil where there is none`() throws {
        let object = try read(
            #"{"id":"dev_1","name":"red","value":-1.50,"count":42,"at":"2026-01-31T00:00:00+01:00","list":[1,[2]]}"#)
        #expect(try object.identifier(.id) == DeviceID("dev_1"))
        #expect(try object.item(.name) == Color.red)
        #expect(try object.number(.value) == -1.5)
        #expect(try object.integer(.count) == 42)
        #expect(try object.timestamp(.at) == "2026-01-31T00:00:00+01:00")
        #expect(try object.structure(.list)?.count == 7)
        let empty = try read(" {} ")
        #expect(try empty.text(.name) == nil)
        #expect(try empty.number(.value) == nil)
        #expect(try empty.structure(.list) == nil)
    }

    @Test(arguments: [
        (#"{"colour":1}"#, "12.colour"), (#"{"Name":"x"}"#, "12.Name"), (#"{"n\u0061me":"x"}"#, "12.n?u0061me"),
    ])
    func `refuses a field that it does not have, whatever its spelling`(text: String, name: String) {
        #expect(throws: BFFError.unknownField(.init(name))) { try read(text, path: "12.") }
    }

    @Test(arguments: [
        #"{"name":"a","name":"b"}"#, #"{"name":"a""#, #"{"name":"a"}{}"#, #"{"value":01}"#, #"{"value":NaN}"#, "",
    ])
    func `refuses what two readers could read differently`(text: String) {
        #expect(throws: BFFError.malformedJSON) { try read(text, path: "12.") }
    }

    @Test(arguments: ["1", "null", #""a""#, "[{}]", #"[{"name":"a"}]"#])
    func `refuses what is no object, by its place in the list`(text: String) {
        #expect(throws: BFFError.invalidField("12", reason: .wrongType)) { try read(text, path: "12.") }
        #expect(throws: BFFError.malformedJSON) { try read(text) }
    }

    @Test(arguments: [
        (#"{"name":1}"#, BFFError.Reason.wrongType), (#"{"name":null}"#, .wrongType), (#"{"name":{}}"#, .wrongType),
        (#"{"name":"\uD83D"}"#, .malformed), (#"{"name":"\uDE00\uD83D"}"#, .malformed),
        (#"{"name":"\uD83D\u0061"}"#, .malformed), (#"{"name":"green"}"#, .notListed),
    ])
    func `refuses a text that is none of the allowed ones`(text: String, reason: BFFError.Reason) throws {
        let object = try read(text, path: "3.")
        #expect(throws: BFFError.invalidField("3.name", reason: reason)) { let _: Color? = try object.item(.name) }
    }

    @Test(arguments: [
        (#"{"value":"1"}"#, BFFError.Reason.wrongType), (#"{"value":true}"#, .wrongType),
        (#"{"value":null}"#, .wrongType),
        (#"{"value":1e999}"#, .malformed), (#"{"value":-1e999}"#, .malformed),
    ])
    func `refuses a number that is none, or that nothing can hold (I1)`(text: String, reason: BFFError.Reason) throws {
        let object = try read(text)
        #expect(throws: BFFError.invalidField("value", reason: reason)) { try object.number(.value) }
    }

    @Test(arguments: [#"{"count":1.5}"#, #"{"count":1e3}"#, #"{"count":9223372036854775808}"#])
    func `refuses an integer that is none, or that nothing can hold (I1)`(text: String) throws {
        let object = try read(text)
        #expect(throws: BFFError.invalidField("count", reason: .malformed)) { try object.integer(.count) }
    }

    @Test(arguments: ["a b", "", "loc/1", "é"])
    func `refuses an id of other characters`(id: String) throws {
        let object = try read(#"{"id":"\#(id)"}"#)
        #expect(throws: BFFError.invalidField("id", reason: .malformed)) {
            let _: DeviceID? = try object.identifier(.id)
        }
    }

    @Test func `refuses a text that is too long before it keeps it`() {
        #expect(throws: BFFError.invalidField("name", reason: .tooLong)) {
            try read(#"{"name":"\#(String(repeating: "a", count: 4097))"}"#)
        }
    }

    @Test(arguments: [
        (#"log\/1"#, "log/1"), (#"\"\\\b\f\n\r\t"#, "\"\\\u{8}\u{C}\n\r\t"), (#"\u0061\u00e9é"#, "aéé"),
        (#"\uD83D\uDE00!"#, "😀!"), ("", ""),
    ])
    func `reads the escapes of a text, as JSON libraries write them`(source: String, text: String) throws {
        let json = Array(#"{"name":"\#(source)"}"#.utf8), object = try FlatObject<Field>(json.span)
        #expect(try object.text(.name) == text)
        let range = try #require(object.source(.name))
        #expect(String(decoding: json[range], as: UTF8.self) == "\"\(source)\"")
    }

    @Test func `a field that must be there is missing`() throws {
        let object = try read("{}", path: "7.")
        #expect(throws: BFFError.invalidField("7.value", reason: .missing)) {
            try object.required(.value, object.number)
        }
    }

    @Test func `of a list as many elements are read as are wanted, and all are checked`() {
        let list = Array("[1, [2], 3]".utf8)
        #expect(
            JSONScanner.elements(of: list.span, limit: 2)?.map { String(decoding: list[$0], as: UTF8.self) } == [
                "1", "[2]",
            ])
        #expect(JSONScanner.elements(of: Array("[1, [2], 3".utf8).span, limit: 2) == nil)
    }
}
