import Core
import Testing

@Suite struct ByteTextTests {
    @Test func `the Kelvin sign is no K, and a decomposed letter is not the composed one`() {
        // Swift's own rules say otherwise.
        #expect("\u{212A}" == "K")
        #expect("é" == "e\u{301}")
        #expect("\u{212A}".lowercased() == "k")
        #expect(!"\u{212A}".equalsBytes(of: "K"))
        #expect(!"é".equalsBytes(of: "e\u{301}"))
        #expect(!"\u{212A}".equalsIgnoringASCIICase("k"))
        #expect("FoR".equalsIgnoringASCIICase("for"))
        #expect(!"FoR".equalsIgnoringASCIICase("for="))
        #expect(!"[".equalsIgnoringASCIICase("{"))
    }

    @Test func `an accent behind a separator does not hide it`() {
        let text = "a,\u{301}b,,c"
        #expect(text.split(separator: ",", omittingEmptySubsequences: false).count == 3)
        #expect(text.splitBytes(at: ",").map { Array($0.utf8) } == ["a", "\u{301}b", "", "c"].map { Array($0.utf8) })
        #expect("a b c".splitBytes(at: " ", maxSplits: 1) == ["a", "b c"])
        #expect("".splitBytes(at: ",") == [""])
        #expect("=\u{301}x".hasBytePrefix("="))
        #expect("x\u{301}".hasByteSuffix("\u{301}"))
        #expect(!"é".hasBytePrefix("e\u{301}"))
        #expect(!"a".hasByteSuffix("ba"))
    }

    @Test func `blanks at the ends are spaces and tabs, and quotes come in pairs`() {
        #expect(" \ta b\t ".withoutBlankEnds == "a b")
        #expect(Array("\u{A0}a".withoutBlankEnds.utf8) == Array("\u{A0}a".utf8))
        #expect(" \t".withoutBlankEnds == "")
        #expect("".withoutBlankEnds == "")
        #expect("\"a\"".withoutQuotes == "a")
        #expect("\"".withoutQuotes == "\"")
        #expect("\"a".withoutQuotes == "\"a")
        #expect("1234567890".isDigits)
        #expect(!"\u{661}".isDigits)
        #expect(!"1a".isDigits)
    }
}
