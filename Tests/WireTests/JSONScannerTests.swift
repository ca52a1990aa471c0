import Core
import Foundation
import Testing
import Wire

@Suite struct JSONScannerTests {
    @Test(arguments: [
        "{}", "[]", "null", " true ", "0", "-0", "-12.5e+3", "1E9", #""""#, #"{"a":[1,{"b":null}],"c":"\u00e9\n\/"}"#,
        "\"\u{7F}\"", "\"é € 𝄞\"", "[\t\r\n ]", #"{"a":1,"a":2}"#,
    ])
    func `accepts what RFC 8259 allows`(text: String) {
        #expect(scans(Array(text.utf8)))
    }

    @Test(arguments: [
        "", " ", "{", "}", "{]", "[1,]", "{,}", #"{"a":1,}"#, #"{"a" 1}"#, #"{a:1}"#, "{'a':1}", "01", "+1", ".5", "1.",
        "1e", "1e+", "-", "tru", "nul", "NaN", "Infinity", #""a"#, #""\x""#, #""\u12g4""#, #""\u12"#, "\"\t\"",
        "\"\u{0}\"",
        "{} {}", "1 2", "/* */ 1", "\u{FEFF}{}", #"["a" "b"]"#,
    ])
    func `refuses everything else`(text: String) {
        #expect(!scans(Array(text.utf8)))
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0xAF], [0xC1, 0xBF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0xAF],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xC3], [0xE2, 0x82], [0xE2, 0x28, 0xA1],
            [0xF0, 0x9D, 0x84],
        ] as [[UInt8]])
    func `refuses bytes that are not UTF-8`(bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        #expect(!scans([quote] + bytes + [quote]))
        #expect(!scans([quote] + bytes))
    }

    @Test func `nesting is bounded`() {
        let deepest = JSONScanner.maximumDepth
        let nested = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        #expect(scans(Array(nested(deepest).utf8)))
        #expect(!scans(Array(nested(deepest + 1).utf8)))
        #expect(!scans(Array(String(repeating: "[", count: 1_000_000).utf8)))
    }

    @Test func `agrees with a well-known parser on mutated documents`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(state: seed)
        let documents = [
            #"{"connect_token":"cot_1","route":"rate_tod_capture","data":{"hours":[{"cost":0.1,"valid_from":"00:00:00"}]}}"#,
            #"[1,-2.5e3,true,false,null,"é\u0041\\",{"a":{}}]"#,
        ]
        let alphabet = Array(#"{}[]:,"\0129.eE+-tfn u/"#.utf8) + [0xC3, 0xA9, 0x00, 0x1F]
        for round in 0..<4_000 {
            var bytes = Array(documents[round % 2].utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = alphabet.randomElement(using: &random) ?? 0
                case 1: bytes.remove(at: index)
                default: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: index)
                }
            }
            let theirs = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            // One way only: Foundation also takes lone surrogates and more. It refuses numbers that no `Double` holds, which
            // are JSON all the same (seed 9119778054421194682 made -2E513).
            let text = String(decoding: bytes, as: UTF8.self)
            if scans(bytes), !text.contains(/[eE][+]?[0-9]{3}/) {
                #expect(theirs, "seed \(seed): \(text)")
            }
        }
    }

    @Test(arguments: [
        (#"{"account_id":"acc_1","a":1}"#, #"{"a":1}"#),
        (#"{"a":1, "account_id":"acc_1"}"#, #"{"a":1}"#),
        (#"{"a":1,"account_id":{"account_id":2},"b":[{"account_id":3}]}"#, #"{"a":1,"b":[{}]}"#),
        (#"{"account_id":"acc_1"}"#, "{}"),
        (#"[{"x":"account_id","account":1.50}]"#, #"[{"x":"account_id","account":1.50}]"#),
    ])
    func `removes a member and nothing else`(text: String, expected: String) {
        let result = JSONScanner.removing("account_id", from: Array(text.utf8))
        #expect(result.map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test(arguments: [
        (#"{"a":1,"b":2}"#, "{}"), (#"{"a":1,"b":2,"c":3}"#, #"{"c":3}"#), (#"{"c":3, "a":1, "b":2}"#, #"{"c":3}"#),
        (#"{"a":1,"c":3,"b":2}"#, #"{"c":3}"#), (#"{"a":1,"a":2,"c":[{"b":1 , "a":2 }]}"#, #"{"c":[{ }]}"#),
        (#"{"a":{"b":1},"c":3}"#, #"{"c":3}"#), (#"["a","b"]"#, #"["a","b"]"#),
    ])
    func `removes neighbours, repeated members and members within members`(text: String, expected: String) {
        let result = JSONScanner.removing(from: Array(text.utf8)) { member, json in
            json.matches("a", in: member.name.range) || json.matches("b", in: member.name.range)
        }
        #expect(result.map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test(arguments: [#"{"account_id":1"#, #"{"account\u005fid":1}"#, "<html>", ""])
    func `what cannot be searched safely is refused`(text: String) {
        #expect(JSONScanner.removing("account_id", from: Array(text.utf8)) == nil)
    }
}

/// `#expect` cannot hold a span.
private func scans(_ bytes: [UInt8]) -> Bool {
    JSONScanner.scan(bytes.span)
}

/// Random numbers that a seed repeats.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
