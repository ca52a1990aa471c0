import Core
import Testing

@Suite struct SubjectTests {
    @Test func `subjects that differ in normalisation are different users (I8)`() throws {
        let composed = try #require(Subject("ren\u{E9}")), decomposed = try #require(Subject("rene\u{301}"))
        #expect(composed.text == decomposed.text, "Swift takes the texts for equal")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        let kelvin = try #require(Subject("\u{212A}")), letter = try #require(Subject("K"))
        #expect(kelvin != letter)
    }

    @Test(
        "what could be the same name by another way is refused (I8)",
        arguments: [
            "ren\u{FFFD}", "a\u{0}", "a\u{7F}", "a\u{85}", "a\u{9F}b", " a", "a ", "",
            String(repeating: "a", count: 256),
        ])
    func refused(text: String) {
        #expect(Subject(text) == nil)
    }

    @Test(arguments: ["a", "ren\u{E9}", "a b", String(repeating: "a", count: 255), "auth0|65f0"])
    func accepted(text: String) {
        #expect(Subject(text)?.text.utf8.elementsEqual(text.utf8) == true)
    }
}
