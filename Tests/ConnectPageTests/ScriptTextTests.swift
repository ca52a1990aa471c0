import NIOCore
import Testing

@testable import ConnectPage

@Suite struct ScriptTextTests {
    @Test(
        "removes lines that hold nothing but a comment",
        arguments: [
            ("", ""), ("a();\n", "a();\n"), ("// a\nb();", "b();"), ("a();\n  // b", "a();\n"),
            ("\t//\na();\n", "a();\n"),
            ("/* a */\nb();\n", "b();\n"), ("  /**\n   * a // b\n   */  \nc();\n", "c();\n"), ("/* a */", ""),
            ("/* a\n*/\n/* b */\n// c\nd();\n", "d();\n"), ("/*/\n*/\na();", "a();"),
        ])
    func removes(script: String, sent: String) {
        #expect(text(of: script) == sent)
    }

    @Test(
        "keeps every line that holds anything else",
        arguments: [
            "a(); // b\n", "a(); /* b */\n", "/* a */ b();\n", "/* a\n */ b();\n", "/* a\nb();\n", "a = '\\\n';\n",
            "a / b /* c */ / d\n",
            "/", "/\n/", "* a\n",
        ])
    func keeps(script: String) {
        #expect(text(of: script) == script)
    }

    @Test("leaves no comment line in what a browser loads")
    func assets() {
        let scripts = Asset.embedded.filter { $0.name.hasSuffix(".js") || $0.name.hasSuffix(".css") }
        #expect(scripts.count > 20)
        for script in scripts {
            let lines = String(buffer: script.representation.plain).split(separator: "\n")
            #expect(!lines.isEmpty, "\(script.name)")
            let comments = lines.map { $0.drop { $0 == " " } }.filter { $0.hasPrefix("//") || $0.hasPrefix("/*") }
            #expect(comments.isEmpty, "\(script.name)")
        }
    }

    private func text(of script: String) -> String {
        String(decoding: ScriptText.withoutComments(Array(script.utf8)), as: UTF8.self)
    }
}
