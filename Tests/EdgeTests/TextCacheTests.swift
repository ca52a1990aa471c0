import Testing

@testable import Edge

@Suite struct TextCacheTests {
    @Test func `reads each text as it stands, also where two share an entry`() {
        let texts = TextCache()
        let all =
            (0..<1000).map { "http://origin-\($0 % 500).example" } + ["", "short", String(repeating: "x", count: 500)]
        for text in all {
            let bytes = Array("<\(text)>".utf8)
            #expect(texts.text(bytes.span, in: 1..<bytes.count - 1) == text)
        }
    }
}
