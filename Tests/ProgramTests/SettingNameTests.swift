import Foundation
import Testing

@testable import connect_bff

/// Unknown names, and values that are easily mistaken.
@Suite struct SettingNameTests {
    private static func warnings(_ more: [String: String]) async throws -> [String] {
        try await Settings.read(environment: SettingsTests.minimal.merging(more) { $1 }, file: nil).warnings
    }

    @Test(
        "warns about hosts without that of BFF_PUBLIC_URL",
        arguments: [("api.example.com", 1), ("bff.example", 0), ("api.example.com,bff.example.", 0), ("", 0)])
    func hostOfPublicURL(hosts: String, count: Int) async throws {
        let warnings = try await Self.warnings(
            ["BFF_PUBLIC_URL": "https://bff.example", "BFF_ALLOWED_HOSTS": hosts])
        #expect(warnings.count == count)
        #expect(warnings.allSatisfy { $0.hasPrefix("BFF_ALLOWED_HOSTS") })
        #expect(warnings.allSatisfy { $0.contains("bff.example") })
    }

    @Test(arguments: [
        ("BFF_ALLOWED_HOST", "BFF_ALLOWED_HOSTS"), ("BFF_TRUST_PROXY", "BFF_TRUSTED_PROXIES"),
        ("BFF_LOGLEVEL", "BFF_LOG_LEVEL"), ("bff_listen", "BFF_LISTEN"), ("FLATPEAK_APIKEY", "FLATPEAK_API_KEY"),
        ("FLATPEAK_ACOUNT_ID_FILE", "FLATPEAK_ACCOUNT_ID_FILE"), ("BFF_JWT_JWKS_URI", "BFF_JWT_JWKS_URL"),
        ("BFF_JWT_ISSUER_FILE", "BFF_JWT_ISSUER"),
    ])
    func `warns about an unknown variable, with the nearest name`(name: String, nearest: String)
        async throws
    {
        #expect(
            try await Self.warnings([name: "very secret"]) == ["\(name) is not a setting; the nearest is \(nearest)"])
        #expect(try await Self.warnings([name: ""]) == [], "empty is not set")
        // Also where it led to what is wrong.
        do throws(Settings.Invalid) {
            _ = try await Settings.read(environment: [name: "very secret"], file: nil)
            Issue.record("nothing is required")
        } catch {
            #expect(error.warnings == ["\(name) is not a setting; the nearest is \(nearest)"])
        }
    }

    @Test func `does not warn about Kubernetes service links and other programs' variables`() async throws {
        var links = ["CONNECT_BFF": "x", "BFFS": "x", "PATH": "/bin", "FLATPEAK": "x"]
        for service in ["BFF", "BFF_WEB", "FLATPEAK_SANDBOX", "BFF_LISTEN"] {
            links["\(service)_SERVICE_HOST"] = "10.0.0.1"
            links["\(service)_SERVICE_PORT"] = "80"
            links["\(service)_SERVICE_PORT_HTTP"] = "80"
            links["\(service)_PORT"] = "tcp://10.0.0.1:80"
            for transport in ["TCP", "UDP", "SCTP"] {
                let port = "\(service)_PORT_8080_\(transport)"
                links[port] = "tcp://10.0.0.1:8080"
                for (part, value) in [("PROTO", "tcp"), ("PORT", "8080"), ("ADDR", "10.0.0.1")] {
                    links["\(port)_\(part)"] = value
                }
            }
        }
        #expect(try await Self.warnings(links) == [])
        // Meant as the port to listen on.
        #expect(try await Self.warnings(["BFF_PORT": "8080"]).count == 1)
    }

    @Test(arguments: [
        ("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("", "abc", 3), ("abc", "abd", 1), ("abc", "ac", 1),
        ("ac", "abc", 1), ("kitten", "sitting", 3), ("flaw", "lawn", 2),
    ])
    func `computes the Levenshtein distance`(source: String, target: String, distance: Int) {
        #expect(SettingName.distance(Array(source.utf8), Array(target.utf8)) == distance)
    }

    @Test func `refuses an unknown key, with its line and the nearest one`() async throws {
        let fixture = try SettingsFixture()
        defer { fixture.remove() }
        let cases: [(yaml: String, problems: [String])] = [
            ("", []), ("# nothing yet\n", []), ("~\n", []), ("bff:\n", []), ("bff:\nflatpeak: {}\n", []),
            ("bff:\n  logLevel: info\n", []), ("bff.logLevel: info\n", []),
            (
                "bff:\n  logLevel: info\n  allowedHost: very-secret\n",
                ["line 3: bff.allowedHost is not a setting; the nearest is bff.allowedHosts"]
            ),
            (
                "BFF_ALLOWED_HOSTS: a.example\n",
                ["line 1: BFF_ALLOWED_HOSTS is not a setting; the nearest is bff.allowedHosts"]
            ),
            (
                "bff:\n  log_level: info\n  publicURL:\n",
                [
                    "line 2: bff.log_level is not a setting; the nearest is bff.logLevel",
                    "line 3: bff.publicURL is not a setting; the nearest is bff.publicUrl",
                ]
            ),
            (
                "bff:\n  logLevel: info\nbff.logLevel: debug\n",
                ["bff.logLevel is given twice, nested and as one key; keep one"]
            ),
            (
                "flatpeak:\n  api:\n    key: very-secret\n",
                ["line 3: flatpeak.api.key is not a setting; the nearest is flatpeak.apiKey"]
            ),
            ("bf:\n", ["line 1: bf is not a setting; the nearest is bff.auth"]),
            ("bff: very-secret\n", ["line 1: bff is not a setting; the nearest is bff.auth"]),
            (
                "flatpeak:\n  modes: [a, b]\n",
                ["line 2: flatpeak.modes is not a setting; the nearest is flatpeak.mode"]
            ),
        ]
        for (yaml, problems) in cases {
            let file = try fixture.write("settings.yaml", yaml)
            #expect(
                await SettingsFixture.problems(SettingsTests.minimal, file: file) == problems.map { "--config: \($0)" },
                "\(yaml)")
        }
        // It is one problem among others.
        let file = try fixture.write("settings.yaml", "bff:\n  allowedHost: x\n  drain: soon\n")
        #expect(
            await SettingsFixture.problems([:], file: file).map { $0.prefix { $0 != ":" } } == [
                "--config", "FLATPEAK_ACCOUNT_ID", "FLATPEAK_API_KEY", "BFF_DRAIN", "BFF_AUTH",
            ])
        for broken in ["a: [very-secret\n", "- a\n", "text\n", "a: 1\n---\nb: 2\n", "a: very-secret\na: 2\n", "\u{1}"] {
            let file = try fixture.write("settings.yaml", broken)
            #expect(
                await SettingsFixture.problems(SettingsTests.minimal, file: file)
                    == ["--config: \(file) cannot be read as YAML"])
        }
    }

    @Test(arguments: [
        ("FLATPEAK_ACCOUNT_ID", "acc_1", "is shorter than 8 characters"),
        ("BFF_STATE_KEY", "\(SettingsFixture.key),", "has an empty item"),
        ("FLATPEAK_API_KEY", "sk_changeme", "looks like a placeholder"),
        ("BFF_DATABASE_URL", "sqlite://state/hunter22.sqlite", "write one colon and the path"),
        ("BFF_DATABASE_URL", "sqlite://hunter22.sqlite", "write one colon and the path"),
    ])
    func `explains what is wrong with a value`(name: String, value: String, words: String) async throws {
        let problems = await SettingsFixture.problems(SettingsTests.minimal.merging([name: value]) { $1 })
        try #require(problems.count == 1, "\(problems)")
        #expect(problems[0].hasPrefix("\(name): "), "\(problems)")
        #expect(problems[0].contains(words), "\(problems)")
        #expect(!problems.joined().contains(value))
    }

    @Test func `accepts any number of slashes before an absolute path`() async throws {
        for text in ["sqlite:/tmp/x.sqlite", "sqlite:///tmp/x.sqlite", "sqlite:state/x.sqlite"] {
            let environment = SettingsTests.minimal.merging(["BFF_DATABASE_URL": text]) { $1 }
            #expect(await SettingsFixture.problems(environment) == [])
        }
    }
}
