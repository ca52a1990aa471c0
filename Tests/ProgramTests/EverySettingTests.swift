import Foundation
import Testing

@testable import connect_bff

/// Properties of every setting.
@Suite struct EverySettingTests {
    @Test func `the fixture has a valid value for each`() async throws {
        let fixture = try SettingsFixture()
        defer { fixture.remove() }
        #expect(Set(fixture.fit.keys) == Set(SettingName.variables))
        for (variable, text) in fixture.fit {
            #expect(await SettingsFixture.problems(fixture.environment(variable, text)) == [], "\(variable)")
        }
    }

    @Test func `treats an empty value as not set`() async throws {
        let fixture = try SettingsFixture()
        defer { fixture.remove() }
        for variable in SettingName.variables {
            let absent = await SettingsFixture.problems(fixture.environment(variable, nil))
            #expect(await SettingsFixture.problems(fixture.environment(variable, "")) == absent, "\(variable)")
            // Below an empty variable stands the file's value.
            let key = Setting.path(of: variable)
            let text = try #require(fixture.fit[variable])
            let file = try fixture.write("settings.yaml", "\(key[0]):\n  \(key[1]): \"\(text)\"\n")
            #expect(await SettingsFixture.problems(fixture.environment(variable, ""), file: file) == [], "\(variable)")
            // And empty there is not set, either.
            for empty in ["", "~", "\"\""] {
                try fixture.write("settings.yaml", "\(key[0]):\n  \(key[1]): \(empty)\n")
                #expect(
                    await SettingsFixture.problems(fixture.environment(variable, nil), file: file) == absent,
                    "\(variable)")
            }
        }
    }

    /// Each way in which files of other programs spoil a value.
    private static let spoilings: [(name: String, of: @Sendable (String) -> String)] = [
        ("carriage return", { "\($0)\r" }), ("line end", { "\($0)\n" }), ("both", { "\($0)\r\n" }),
        ("line end in it", { "\($0.prefix(3))\n\($0.dropFirst(3))" }), ("NUL", { "\($0)\u{0}" }),
        ("tab", { "\t\($0)" }), ("escape", { "\u{1B}[0m\($0)" }), ("C1", { "\($0)\u{85}" }),
        ("line separator", { "\($0)\u{2028}" }), ("double quotes", { "\"\($0)\"" }), ("single quotes", { "'\($0)'" }),
        ("backticks", { "`\($0)`" }), ("blank before", { " \($0)" }), ("blank behind", { "\($0) " }),
        ("no-break space", { "\($0)\u{A0}" }), ("byte order mark", { "\u{FEFF}\($0)" }),
        ("nothing in quotes", { _ in "\"\"" }), ("a blank", { _ in " " }),
    ]

    @Test func `refuses a spoilt value once, by name, and never as missing`() async throws {
        let fixture = try SettingsFixture()
        defer { fixture.remove() }
        for variable in SettingName.variables {
            let text = try #require(fixture.fit[variable])
            for (name, spoil) in Self.spoilings {
                let spoilt = spoil(text)
                let problems = await SettingsFixture.problems(fixture.environment(variable, spoilt))
                #expect(problems.count == 1, "\(variable), \(name): \(problems)")
                let problem = problems.first ?? ""
                #expect(problem.utf8.starts(with: "\(variable): ".utf8), "\(name): \(problem)")
                #expect(!problem.contains("required"), "\(variable), \(name)")
                // Of "control", for one.
                if text != "on" { #expect(!problem.contains(text), "\(variable), \(name)") }
                // In YAML likewise; its parser leaves out a byte order mark.
                guard name != "byte order mark" else { continue }
                let key = Setting.path(of: variable)
                let file = try fixture.write(
                    "settings.yaml", "\(key[0]):\n  \(key[1]): \(Self.quoted(spoilt))\n")
                let inFile = await SettingsFixture.problems(fixture.environment(variable, nil), file: file)
                #expect(inFile == problems, "\(variable), \(name)")
            }
        }
    }

    /// A text in YAML, with escapes for all that is not printable.
    private static func quoted(_ text: String) -> String {
        let scalars = text.unicodeScalars.map { scalar in
            (" "..."~").contains(scalar) && scalar != "\"" && scalar != "\\"
                ? String(scalar) : "\\u" + String(format: "%04X", scalar.value)
        }
        return "\"\(scalars.joined())\""
    }

    @Test func `refuses a spoilt secret in a file once, and ignores its last line end`() async throws {
        let fixture = try SettingsFixture()
        defer { fixture.remove() }
        for setting in Setting.all where setting.isSecret {
            let text = try #require(fixture.fit[setting.variable])
            let environment = fixture.environment(setting.twin, "\(fixture.folder)/spoilt")
            for ended in [text, "\(text)\n", "\(text)\r\n"] {
                try fixture.write("spoilt", ended)
                #expect(await SettingsFixture.problems(environment) == [], "\(setting.variable)")
            }
            let wrong =
                ["\(text)\n\n", "\(text)\r", "\(text)\r\r\n", "", "\n"]
                + Self.spoilings.dropFirst(3).map {
                    $0.of(text)
                }
            for spoilt in wrong {
                try fixture.write("spoilt", spoilt)
                let problems = await SettingsFixture.problems(environment)
                #expect(problems.count == 1, "\(setting.variable) \(spoilt.debugDescription): \(problems)")
                #expect(problems.first?.hasPrefix("\(setting.variable): ") == true)
                #expect(problems.first?.contains(text) == false)
                #expect(problems.first?.contains("required") == false)
            }
        }
    }

    @Test func `refuses a list or a mapping in YAML once, with what to write`() async throws {
        let fixture = try SettingsFixture()
        defer { fixture.remove() }
        for variable in SettingName.variables {
            let key = Setting.path(of: variable)
            for value in ["[a, b]", "\n    - a\n    - b: c", "{a: b}", "{}"] {
                let file = try fixture.write("settings.yaml", "\(key[0]):\n  \(key[1]): \(value)\n")
                let problems = await SettingsFixture.problems(fixture.environment(variable, nil), file: file)
                #expect(
                    problems == [
                        "\(variable): is a list or a mapping in the file; write one text, with commas between its items"
                    ], "\(value)")
            }
        }
    }

    // MARK: - Files

    /// Settings that name a file, with what stands in it.
    private static func files(_ fixture: SettingsFixture) -> [(variable: String, path: String)] {
        fixture.fit.filter { $0.key.hasSuffix("_FILE") }.map { ($0.key, $0.value) }
    }

    @Test("follows the links of Kubernetes, and checks the mode of the file itself (I17)") func links() async throws {
        let fixture = try SettingsFixture()
        defer { fixture.remove() }
        let files = Self.files(fixture)
        #expect(files.count == 9)
        for (variable, path) in files {
            let name = String(path.split(separator: "/").last ?? "")
            let volume = try SecretVolume("\(fixture.folder)/volume-\(name)")
            let bytes = try Data(contentsOf: URL(filePath: path))
            try volume.publish([name: bytes], mode: 0o440)
            let environment = fixture.environment(variable, "\(volume.path)/\(name)")
            #expect(await SettingsFixture.problems(environment) == [], "\(variable)")
            // The file's own mode counts, and that of a link, which everybody may write, does not.
            try volume.publish([name: bytes], mode: 0o442)
            let problems = await SettingsFixture.problems(environment)
            try #require(problems.count == 1, "\(variable): \(problems)")
            #expect(problems[0].contains("may be written by anybody"), "\(variable): \(problems)")
            // A link to nowhere.
            try volume.publish([:], mode: 0o440)
            let missing = await SettingsFixture.problems(environment)
            try #require(missing.count == 1, "\(variable): \(missing)")
            #expect(missing[0].contains("cannot be read"), "\(variable): \(missing)")
        }
    }

    @Test("follows the links of Kubernetes to --config, and checks the mode of the file itself (I17)")
    func configuration() async throws {
        let fixture = try SettingsFixture()
        defer { fixture.remove() }
        let volume = try SecretVolume("\(fixture.folder)/volume")
        let path = "\(volume.path)/settings.yaml"
        let environment = fixture.environment("BFF_LOG_LEVEL", nil)
        try volume.publish(["settings.yaml": Data("bff:\n  logLevel: loud\n".utf8)], mode: 0o440)
        #expect(await SettingsFixture.problems(environment, file: path).map { $0.prefix(14) } == ["BFF_LOG_LEVEL:"])
        try volume.publish(["settings.yaml": Data("bff:\n  logLevel: info\n".utf8)], mode: 0o440)
        #expect(await SettingsFixture.problems(environment, file: path) == [])
        try volume.publish(["settings.yaml": Data("bff:\n  logLevel: info\n".utf8)], mode: 0o442)
        #expect(
            await SettingsFixture.problems(environment, file: path)
                == ["--config: \(path) may be written by anybody; chmod o-w it"])
    }
}
