import Testing

@testable import Sandbox

/// The sandbox's reader and writer of JSON: RFC 8259.
@Suite struct JSONTests {
    @Test(
        arguments: [
            ("null", .null), (" true ", true), ("0", 0), ("-0", 0), ("12", 12), ("-7", -7), ("2.0", 2), ("1e3", 1000),
            ("0.25", 0.25), ("1E-2", 0.01), ("9223372036854775807", .int(.max)),
            ("9223372036854775808", .double(0x1p63)),
            (#""a\"\\\/\b\f\n\r\tz""#, "a\"\\/\u{8}\u{c}\n\r\tz"), (#""\u00e9\ud83d\ude00""#, "é😀"), (#""é😀""#, "é😀"),
            ("[]", []), ("[ 1 , [ ] ]", [1, []]), ("{}", [:]), (#"{ "a" : {"b":null} , "a" : 2 }"#, ["a": 2]),
        ] as [(String, JSON)])
    func `reads`(_ text: String, _ value: JSON) throws {
        #expect(try JSON(parsing: Array(text.utf8)) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "truex", "01", "-", "+1", "1.", ".5", "1e", "1e400", "NaN", "\"", "\"\n\"", #""\x""#,
        #""\u12""#,
        #""\ud83d""#, #""\ud83d\u0041""#, #""\ude00""#, "[", "[1", "[1,", "[1,]", "[,]", "{", "{\"a\"", "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "1 2", "[]]", "\u{feff}1",
    ])
    func `refuses`(_ text: String) {
        #expect(throws: JSONReader.Malformed.self) { try JSON(parsing: Array(text.utf8)) }
    }

    @Test func `refuses what is not UTF-8, and what is too deep`() {
        #expect(throws: JSONReader.Malformed.self) { try JSON(parsing: [0x22, 0xff, 0x22]) }
        let deep = Array(repeating: UInt8(ascii: "["), count: 100_000)
        #expect(throws: JSONReader.Malformed.self) { try JSON(parsing: deep) }
    }

    @Test func `writes members in order, and nothing that it could not read`() throws {
        let value: JSON = [
            "b": [1, 0.25, .double(3), .double(.nan), true, .null], "a": "\u{1}\u{1f}\"\\\n\r\t/é",
        ]
        let text = String(decoding: value.bytes, as: UTF8.self)
        #expect(text == #"{"a":"\u0001\u001f\"\\\n\r\t/é","b":[1,0.25,3,null,true,null]}"#)
        for number in [0.1, 1e-7, 123_456.789, 1e22, -2.5e-300] {
            #expect(try JSON(parsing: JSON.double(number).bytes).number == number)
        }
    }
}
