import Core
import Testing

@Suite struct CustomerLanguageTests {
    @Test(
        "RFC 9110 section 12.5.4: the language that the customer likes best",
        arguments: [
            ("", CustomerLanguage.english), ("de", .german), ("de-AT", .german), ("DE-ch-1996", .german),
            ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", .french), ("pl, nl;q=0.5, en;q=0.4", .dutch),
            ("en;q=0.1,\tnl ; q=0.9", .dutch), ("de;q=0, fr;q=0.001", .french), ("de;q=0", .english), ("*", .english),
            ("de, fr", .german), ("den, frr", .english), ("de_DE", .english), ("zz-de", .english),
            ("de;q=1.001, nl;q=0.2", .dutch), ("de;q=x, fr;q=.5, nl;q=0.", .english),
            ("de;q=0.1234, fr;q=0.1", .french),
            (",,;,;q=1,-,de", .german), ("d\u{301}e", .english), (String(repeating: "de;q=0,", count: 2000), .english),
        ])
    func negotiation(_ header: String, _ language: CustomerLanguage) {
        #expect(CustomerLanguage(acceptLanguage: header) == language)
    }

    @Test(
        "reads the language of a tag by its first subtag",
        arguments: [
            ("de", CustomerLanguage.german), ("DE-AT", .german), ("nl-", .dutch), ("fr-x", .french), ("en", .english),
            ("deu", nil), ("", nil), ("-de", nil), ("xx", nil), ("de_AT", nil), ("../de", nil),
        ])
    func tag(_ tag: String, _ language: CustomerLanguage?) {
        #expect(CustomerLanguage(tag: tag) == language)
    }
}
