import Core
import Edge
import Flatpeak
import Foundation
import Gateway
import Logging
import Sessions
import Synchronization
import Testing

@testable import connect_bff

@Suite struct SettingsTests {
    static let minimal = [
        "FLATPEAK_ACCOUNT_ID": "acc_661677911f", "FLATPEAK_API_KEY": "sk_test_4f1c9", "BFF_AUTH": "proxy",
        "BFF_TRUSTED_PROXIES": "10.0.0.0/8", "BFF_PROXY_USER_HEADER": "X-Auth-Request-User",
    ]

    /// The problems of the minimal settings with changes.
    private func problems(_ changes: [String: String?] = [:], file: String? = nil) async -> [String] {
        var environment = Self.minimal
        for (name, value) in changes { environment[name] = value }
        do {
            _ = try await Settings.read(environment: environment, file: file)
            return []
        } catch {
            return error.problems
        }
    }

    @Test func `accepts the minimal settings`() async {
        #expect(await problems() == [])
    }

    @Test(arguments: [
        (nil, "https://s.flatpeak.com"), ("https://connect.flatpeak.com", "https://s.flatpeak.com"),
        ("https://CONNECT.flatpeak.com/", "https://s.flatpeak.com"),
        ("https://stg-connect.flatpeak.com", "https://s.flatpeak.com"),
        ("http://127.0.0.1:8091", "http://127.0.0.1:8091"),
        ("https://gateway.example/", "https://gateway.example"),
        ("https://connect.flatpeak.com.example", "https://connect.flatpeak.com.example"),
        ("https://notflatpeak.com", "https://notflatpeak.com"),
    ])
    func `fetches provider logos from Flatpeak, or from the one Connect host that is set`(
        connect: String?, logos: String
    )
        async throws
    {
        var environment = Self.minimal
        environment["FLATPEAK_CONNECT_URL"] = connect
        let settings = try await Settings.read(environment: environment, file: nil)
        #expect(settings.service.flatpeak.logosURL == logos)
    }

    @Test func `refuses dev sign-in outside connect-bff dev`() async {
        for name in ["dev", "anything", "proxy,dev", ""] {
            await #expect(throws: Settings.Invalid.self) {
                try await Settings.read(environment: Self.minimal.merging(["BFF_AUTH": name]) { $1 }, file: nil)
            }
        }
    }

    @Test("reports all problems at once, by name, never by value (S3)")
    func S3() async {
        let problems = await problems([
            "FLATPEAK_ACCOUNT_ID": nil, "FLATPEAK_API_KEY": "very secret\n", "FLATPEAK_MODE": "prod",
            "BFF_LISTEN": "nowhere", "FLATPEAK_API_URL": "http://api.flatpeak.com",
        ])
        #expect(problems.count == 5)
        for name in ["FLATPEAK_ACCOUNT_ID", "FLATPEAK_API_KEY", "FLATPEAK_MODE", "BFF_LISTEN", "FLATPEAK_API_URL"] {
            #expect(problems.contains { $0.hasPrefix("\(name): ") })
        }
        #expect(!problems.joined().contains("very secret"))
    }

    @Test(
        "refuses a placeholder for a secret (S3)",
        arguments: ["", "short", "changeme-changeme", "sk_deadbeef_1", "with blank", "line\nend-line", "ümlaut-key"])
    func placeholders(text: String) async {
        #expect(await problems(["FLATPEAK_API_KEY": text]).count == 1)
    }

    @Test(arguments: [
        ("https://backend.example/events?x=1", 0), ("http://127.0.0.1:9/events", 0), ("http://backend.example", 1),
        ("myapp://events", 1), ("https://a:b@backend.example", 1), ("https://backend.example/#x", 1),
    ])
    func `delivers events to https or to this machine alone`(url: String, count: Int) async {
        let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
        let problems = await problems(["BFF_EVENTS_URL": url, "BFF_EVENTS_SECRET": secret])
        #expect(problems.count == count, "\(problems)")
        #expect(await self.problems(["BFF_EVENTS_URL": url]).count == 1, "and not without a secret")
    }

    @Test func `reads a secret from one place, which may be a file`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bff-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "key").path
        try Data("sk_test_4f1c9\n".utf8).write(to: URL(filePath: file))
        let mode = { (mode: Int) in
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        }

        try mode(0o600)
        #expect(await problems(["FLATPEAK_API_KEY": nil, "FLATPEAK_API_KEY_FILE": file]) == [])
        #expect(await problems(["FLATPEAK_API_KEY_FILE": file]).count == 1)
        #expect(await problems(["FLATPEAK_API_KEY": nil, "FLATPEAK_API_KEY_FILE": "\(file)x"]).count == 1)
        try mode(0o602)
        #expect(await problems(["FLATPEAK_API_KEY": nil, "FLATPEAK_API_KEY_FILE": file]).count == 1)
    }

    @Test(arguments: [
        ("FLATPEAK_API_URL", "https://api.flatpeak.com/", true),
        ("FLATPEAK_API_URL", "https://api.flatpeak.com/v1", false),
        ("FLATPEAK_API_URL", "https://a:b@api.flatpeak.com", false), ("FLATPEAK_API_URL", "api.flatpeak.com", false),
        ("FLATPEAK_API_URL", "https://api.flatpeak.com:65536", false),
        ("FLATPEAK_API_URL", "https://api.flatpeak.com:9223372036854775807", false),
        ("FLATPEAK_API_URL", "http://127.0.0.1:8090", true), ("FLATPEAK_API_URL", "http://[::1]:8090", true),
        ("FLATPEAK_API_URL", "http://127.0.0.1.evil.example", false), ("FLATPEAK_API_URL", "ftp://x", false),
        ("FLATPEAK_CONNECT_URL", "http://localhost:8080", false), ("FLATPEAK_VERSION", "2023-01-01", false),
        ("BFF_PUBLIC_URL", "https://app.example/bff", true), ("BFF_PUBLIC_URL", "http://app.example", false),
        ("BFF_LISTEN", "unix:/run/bff.sock", true), ("BFF_LISTEN", "unix:run", false), ("BFF_LISTEN", "[::1]:80", true),
        ("BFF_LISTEN", "unix:/" + String(repeating: "x", count: 107), false),
        ("BFF_LISTEN_MODE", "666", true), ("BFF_LISTEN_MODE", "0600", true), ("BFF_LISTEN_MODE", "066", false),
        ("BFF_LISTEN_MODE", "rw", false), ("BFF_LISTEN_MODE", "1777", false), ("BFF_LISTEN_MODE", "6600", false),
        ("BFF_LISTEN", "systemd", true), ("BFF_ADMIN_LISTEN", "systemd", false),
        ("BFF_ADMIN_LISTEN", "unix:/run/admin.sock", true), ("BFF_ADMIN_LISTEN", "9090", false),
        ("BFF_ADMIN_LISTEN", "127.0.0.1:8080", false), ("BFF_DRAIN", "10s", true), ("BFF_DRAIN", "0s", true),
        ("BFF_DRAIN", "10", false), ("BFF_DRAIN", "61s", false), ("BFF_DRAIN", "-1s", false),
        ("BFF_LISTEN", ":80", false), ("BFF_LISTEN", "127.0.0.1:99999", false),
        ("BFF_CONNECT_APPS", "web=https://a.example, ios=myapp://connect", true), ("BFF_CONNECT_APPS", "web", false),
        ("BFF_CONNECT_APPS", "a=https://a.example,a=https://b.example", false),
        ("BFF_CONNECT_APPS", "page=https://a.example", false), ("BFF_CONNECT_APPS", "Page=https://a.example", true),
        ("BFF_CONFIRM", "off", true), ("BFF_CONFIRM", "code", true), ("BFF_CONFIRM", "on", false),
        ("BFF_CONFIRM_OPTIONAL", "off", true), ("BFF_CONFIRM_OPTIONAL", "yes", false),
        ("BFF_USER_METERS", "on", true), ("BFF_USER_METERS", "off", true), ("BFF_USER_METERS", "yes", false),
        ("BFF_CONNECT_PAGE", "on", true), ("BFF_CONNECT_PAGE", "ON", false), ("BFF_CONNECT_PAGE", "true", false),
        ("BFF_CONNECT_APPS", "a=javascript:alert(1)", false), ("BFF_CONNECT_APPS", "a=http://a.example", false),
        ("BFF_RETURN_URLS", "https://a.example/done?x=1,myapp://done", true),
        ("BFF_RETURN_URLS", "data:text/html,x", false),
        ("BFF_RETURN_URLS", "/done", false), ("BFF_RETURN_URLS", "https://a.example,,", false),
        ("BFF_ALLOWED_ORIGINS", "https://a.example,http://localhost:3000", true),
        ("BFF_ALLOWED_ORIGINS", "https://a.example/", false), ("BFF_ALLOWED_ORIGINS", "https://A.example", false),
        ("BFF_ALLOWED_ORIGINS", "capacitor://localhost,ionic://localhost,tauri://localhost", true),
        ("BFF_ALLOWED_ORIGINS", "http://tauri.localhost,http://localhost,https://localhost", true),
        ("BFF_ALLOWED_ORIGINS", "com.example.app://localhost:8100", true),
        ("BFF_ALLOWED_ORIGINS", "chrome-extension://abcdefghijklmnop", true),
        ("BFF_ALLOWED_ORIGINS", "capacitor://localhost/", false), ("BFF_ALLOWED_ORIGINS", "capacitor://", false),
        ("BFF_ALLOWED_ORIGINS", "capacitor:localhost", false), ("BFF_ALLOWED_ORIGINS", "Capacitor://localhost", false),
        ("BFF_ALLOWED_ORIGINS", "capacitor://localhost:080", false),
        ("BFF_ALLOWED_ORIGINS", "capacitor://localhost:", false),
        ("BFF_ALLOWED_ORIGINS", "capacitor://localhost:70000", false),
        ("BFF_ALLOWED_ORIGINS", "capacitor://localhost?x", false), ("BFF_ALLOWED_ORIGINS", "capacitor://a@b", false),
        ("BFF_ALLOWED_ORIGINS", "file://localhost", false), ("BFF_ALLOWED_ORIGINS", "javascript://localhost", false),
        ("BFF_ALLOWED_ORIGINS", "http://tauri.localhost:80", false),
        ("BFF_ALLOWED_ORIGINS", "http://tauri.localhost.evil", false),
        ("BFF_ALLOWED_ORIGINS", "http://a.example", false),
        ("BFF_ALLOWED_HOSTS", "bff.example.", true), ("BFF_ALLOWED_HOSTS", "bff.example..", false),
        ("BFF_ALLOWED_HOSTS", ".", false), ("BFF_ALLOWED_ORIGINS", "https://a.example:443", false),
        ("BFF_ALLOWED_ORIGINS", "*", false),
        ("BFF_ALLOWED_ORIGINS", "null", false), ("FLATPEAK_CA_FILE", "/nonexistent.pem", false),
        ("BFF_RELAY_READER", "decoder", true), ("BFF_RELAY_READER", "off", false), ("BFF_LOG_LEVEL", "loud", false),
        ("BFF_LOG_FORMAT", "text", true),
        ("BFF_ALLOWED_HOSTS", "bff.example,[::1]", true), ("BFF_ALLOWED_HOSTS", "Bff.example", false),
        ("BFF_ALLOWED_HOSTS", "bff.example:8080", false), ("BFF_ALLOWED_HOSTS", "https://bff.example", false),
        ("BFF_DATABASE_URL", "sqlite:/var/lib/x.sqlite", true), ("BFF_DATABASE_URL", "sqlite:", false),
        ("BFF_DATABASE_URL", "/var/lib/x.sqlite", false), ("BFF_DATABASE_URL", "mysql://db/x", false),
        ("BFF_DATABASE_URL", "postgres://db:x/y?sslmode", false), ("BFF_DATABASE_URL", "postgres:db", false),
        ("BFF_STATE_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", true),
        (
            "BFF_STATE_KEY",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,HxECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", true
        ),
        ("BFF_STATE_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd", false), ("BFF_STATE_KEY", "short", false),
        ("BFF_STATE_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,", false),
        ("BFF_KEEP_SESSIONS", "30d", true), ("BFF_KEEP_SESSIONS", "0d", false), ("BFF_KEEP_SESSIONS", "30", false),
        ("BFF_KEEP_IDEMPOTENCY", "12h", true), ("BFF_KEEP_IDEMPOTENCY", "token", true),
        ("BFF_KEEP_IDEMPOTENCY", "never", false),
        ("BFF_EVENTS_SECRET", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", true),
        (
            "BFF_EVENTS_SECRET", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX,whsec_HxECAwQFBgcICQoLDA0ODxAREhMUFRYX", true
        ),
        ("BFF_EVENTS_SECRET", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFQ==", false),
        ("BFF_EVENTS_SECRET", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", false),
        ("BFF_EVENTS_SECRET", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX,", false),
    ])
    func `accepts valid values of each setting and no others`(name: String, value: String, isFine: Bool) async {
        let problems = await problems([name: value])
        #expect(problems.isEmpty == isFine, "\(problems)")
        #expect(problems.allSatisfy { $0.hasPrefix(name) })
    }

    @Test(
        arguments: [
            (nil, nil, ["page https://bff.example/x/connect"]),
            (
                "web=https://a.example,ios=myapp://connect", nil,
                [
                    "web https://a.example", "ios myapp://connect", "page https://bff.example/x/connect",
                ]
            ),
            ("web=https://a.example", "off", ["web https://a.example"]),
            ("page=https://a.example", "off", ["page https://a.example"]),
            ("", "", ["page https://bff.example/x/connect"]),
        ] as [(String?, String?, [String])])
    func `Connect runs in the hosted page, unless other apps are listed before it or it is off`(
        apps: String?, page: String?, expected: [String]
    ) async throws {
        var environment = Self.minimal
        environment["BFF_PUBLIC_URL"] = "https://bff.example/x"
        environment["BFF_CONNECT_APPS"] = apps
        environment["BFF_CONNECT_PAGE"] = page
        let sessions = try await Settings.read(environment: environment, file: nil).service.sessions
        #expect(sessions.apps.map { "\($0.name) \($0.url)" } == expected)
        #expect(sessions.hostedPage?.url == (page == "off" ? nil : "https://bff.example/x/connect"))
        #expect(sessions.apps.filter(\.isHosted).count == (page == "off" ? 0 : 1))
    }

    @Test func `without the hosted page there must be another app`() async {
        for apps in [nil, ""] as [String?] {
            let problems = await problems(["BFF_CONNECT_PAGE": "off", "BFF_CONNECT_APPS": apps])
            #expect(problems == ["BFF_CONNECT_APPS: is required where BFF_CONNECT_PAGE is off"])
        }
        // One mistake is one problem.
        #expect(await problems(["BFF_CONNECT_PAGE": "of"]).count == 1)
        #expect(await problems(["BFF_CONNECT_PAGE": "off", "BFF_CONNECT_APPS": "web"]).count == 1)
        #expect(await problems(["BFF_CONNECT_PAGE": "of", "BFF_CONNECT_APPS": "web"]).count == 2)
    }

    @Test func `a confirmation needs the hosted page, and names the apps that it does not protect`() async throws {
        let off = ["BFF_CONNECT_PAGE": "off", "BFF_CONNECT_APPS": "web=https://a.example", "BFF_CONFIRM": "code"]
        #expect(await problems(off) == ["BFF_CONFIRM: needs the hosted page, which BFF_CONNECT_PAGE turns off"])
        let alone = ["BFF_CONFIRM_OPTIONAL": "on"]
        #expect(await problems(alone) == ["BFF_CONFIRM_OPTIONAL: has no effect unless BFF_CONFIRM is code"])
        // One mistake is one problem.
        #expect(await problems(["BFF_CONFIRM": "on", "BFF_CONFIRM_OPTIONAL": "on"]).count == 1)
        let rules: [([String: String], ConfirmationRule)] = [
            ([:], .off), (["BFF_CONFIRM": "off"], .off), (["BFF_CONFIRM": "code"], .required),
            (["BFF_CONFIRM": "code", "BFF_CONFIRM_OPTIONAL": "off"], .required),
            (["BFF_CONFIRM": "code", "BFF_CONFIRM_OPTIONAL": "on"], .optional),
        ]
        for (given, expected) in rules {
            let environment = Self.minimal.merging(given) { $1 }
            let settings = try await Settings.read(environment: environment, file: nil)
            #expect(settings.service.sessions.confirmation == expected)
            #expect(!settings.warnings.contains { $0.contains("BFF_CONFIRM") })
        }
        let both = Self.minimal.merging(
            ["BFF_CONFIRM": "code", "BFF_CONNECT_APPS": "web=https://a.example,ios=app://connect"]
        ) { $1 }
        let warning = try #require(
            try await Settings.read(environment: both, file: nil).warnings.first { $0.hasPrefix("BFF_CONFIRM ") })
        #expect(warning.hasSuffix(": web, ios"))
    }

    @Test(arguments: ["2024-08-24.zero", "2026-08-01.busbar"])
    func `a version whose mint has no actions has no confirmation`(version: String) async throws {
        let both = ["BFF_CONFIRM": "code", "FLATPEAK_VERSION": version]
        let found = await problems(both)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("BFF_CONFIRM: is code, which FLATPEAK_VERSION=\(version) cannot have") == true)
        #expect(found.first?.hasSuffix("Set BFF_CONFIRM=off, or FLATPEAK_VERSION to 2025-09-14.anode") == true)
        #expect(await problems(["FLATPEAK_VERSION": version]) == [])
        #expect(await problems(["BFF_CONFIRM": "off", "FLATPEAK_VERSION": version]) == [])
    }

    @Test func `PostgreSQL requires a state key, and its password is never reported`() async throws {
        let url = "postgresql://bff:hunter22@db.example/bff"
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        #expect(await problems(["BFF_DATABASE_URL": url]).map { $0.prefix(14) } == ["BFF_STATE_KEY:"])
        #expect(await problems(["BFF_DATABASE_URL": url, "BFF_STATE_KEY": key]) == [])
        #expect(await problems(["BFF_DATABASE_URL": "postgres://?host=/run/postgresql", "BFF_STATE_KEY": key]) == [])
        for wrong in ["\(url)?sslmode=%zz", "\(url)?hunter22=1", "postgres://bff:hunter22%@db/x"] {
            let problems = await problems(["BFF_DATABASE_URL": wrong, "BFF_STATE_KEY": key])
            #expect(problems.count == 1, "\(problems)")
            #expect(problems.allSatisfy { !$0.contains("hunter22") }, "\(problems)")
        }
        let folder = FileManager.default.temporaryDirectory.appending(path: "bff-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "url")
        try Data("\(url)\n".utf8).write(to: file)
        #expect(await problems(["BFF_DATABASE_URL_FILE": file.path, "BFF_STATE_KEY": key]) == [])
        // An image may set one.
        let empty = ["BFF_DATABASE_URL": "", "BFF_DATABASE_URL_FILE": file.path, "BFF_STATE_KEY": key]
        #expect(await problems(empty) == [])
        #expect(await problems(empty.merging(["BFF_DATABASE_URL": url]) { $1 }).count == 1)
    }

    @Test(
        "refuses an authentication method that is incomplete or unsafe (S3, S26)",
        arguments: [
            (["BFF_AUTH": "jwt"], ["BFF_JWT_ISSUER", "BFF_JWT_AUDIENCE", "BFF_JWT_JWKS_URL", "BFF_PROXY_USER_HEADER"]),
            (["BFF_AUTH": "service"], ["BFF_SERVICE_KEYS_FILE", "BFF_PROXY_USER_HEADER"]),
            (["BFF_AUTH": "proxy,proxy"], ["BFF_AUTH"]), (["BFF_TRUSTED_PROXIES": nil], ["BFF_TRUSTED_PROXIES"]),
            (["BFF_TRUSTED_PROXIES": ""], ["BFF_TRUSTED_PROXIES"]),
            (["BFF_TRUSTED_PROXIES": "10.0.0.1/8"], ["BFF_TRUSTED_PROXIES"]),
            (["BFF_PROXY_USER_HEADER": nil], ["BFF_PROXY_USER_HEADER"]),
            (["BFF_PROXY_USER_HEADER": "X_User"], ["BFF_PROXY_USER_HEADER"]),
            (["BFF_PROXY_USER_HEADER": "Authorization"], ["BFF_PROXY_USER_HEADER"]),
            (["BFF_JWT_ISSUER": "https://id.example"], ["BFF_JWT_ISSUER"]),
            (["BFF_SERVICE_KEYS_FILE": "/x"], ["BFF_SERVICE_KEYS_FILE"]),
        ] as [([String: String?], [String])])
    func authentication(changes: [String: String?], settings: [String]) async {
        let problems = await problems(changes)
        #expect(Set(problems.map { String($0.prefix { $0 != ":" }) }) == Set(settings), "\(problems)")
    }

    @Test func `reads a file below the environment, and refuses an invalid one`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bff-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "config.yaml").path
        try Data("flatpeak:\n  mode: prod\n  apiUrl: https://api.flatpeak.com\n".utf8).write(to: URL(filePath: file))
        #expect(await problems(file: file).map { $0.prefix(13) } == ["FLATPEAK_MODE"])
        #expect(await problems(["FLATPEAK_MODE": "test"], file: file) == [])
        try Data("flatpeak:\n  mode: 7\n".utf8).write(to: URL(filePath: file))
        #expect(await problems(file: file).map { $0.prefix(13) } == ["FLATPEAK_MODE"])
        try Data("{:\n".utf8).write(to: URL(filePath: file))
        #expect(await problems(file: file).first?.hasPrefix("--config") == true)
        #expect(await problems(file: "\(file)x").first?.hasPrefix("--config") == true)
    }

    @Test func `the README's table has the settings of the code`() throws {
        let readme = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../README.md"), encoding: .utf8)
        let rows = readme.split(separator: "\n").compactMap { line -> String? in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3, cells[0].hasPrefix("`FLATPEAK_") || cells[0].hasPrefix("`BFF_") else { return nil }
            return "\(cells[0]) \(cells[1])"
        }
        let expected = Setting.all.map { setting in
            "`\(setting.variable)` "
                + (setting.fallback.map { "`\($0)`" } ?? (setting.isRequired ? "required" : "none"))
        }
        #expect(rows == expected)
    }
}

@Suite struct SelfUpstreamTests {
    @Test(arguments: [
        ("127.0.0.1", "http://127.0.0.1:8080", true), ("127.0.0.1", "http://localhost:8080", true),
        ("0.0.0.0", "http://localhost:8080", true), ("::1", "http://[::1]:8080", true),
        ("127.0.0.1", "http://127.0.0.1:8081", false), ("127.0.0.1", "https://name.invalid:8080", false),
    ])
    func `recognises this service as its own upstream under any name`(host: String, url: String, isOurs: Bool) {
        let problem = SelfUpstream.problem(listen: .tcp(host: host, port: 8080), upstreams: [(.connectURL, url)])
        #expect((problem != nil) == isOurs)
        #expect(problem?.hasPrefix("FLATPEAK_CONNECT_URL: ") ?? true)
    }
}

@Suite struct JSONLogHandlerTests {
    @Test("keeps a value inside its line, and masks tokens (S8)")
    func S8() throws {
        let lines = Lines()
        let log = JSONLog { lines.append(String(decoding: $0, as: UTF8.self)) }
        var handler = JSONLogHandler(log)
        handler.logLevel = .trace
        var logger = Logger(label: "test") { _ in handler }
        logger[metadataKey: "bff.x"] = "a\r\n{\"level\":\"error\"}\u{1B}[31m"
        logger.info("sent cot_6587fa4362341be5b524de3b", metadata: ["bff.url": "/?fp_cot=cot_1"])
        log.flush()
        let text = try #require(lines.all.first)
        #expect(lines.all.count == 1)
        #expect(text.hasSuffix("\n"))
        #expect(text.dropLast().allSatisfy { !$0.isNewline })
        #expect(text.dropLast().allSatisfy { $0 != "\u{1B}" })
        let line = try JSONDecoder().decode([String: String].self, from: Data(text.utf8))
        #expect(line["message"] == "sent cot_***")
        #expect(line["bff.url"] == "/?fp_cot=cot_***")
        #expect(line["level"] == "info")
        #expect(line["time"]?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
        #expect(line["bff.x"] == "a\r\n{\"level\":\"error\"}\u{1B}[31m")
    }

    @Test func `writes the line of a request like that of its event`() throws {
        let lines = Lines()
        let log = JSONLog(now: { (1_798_761_599, 7) }) { lines.append(String(decoding: $0, as: UTF8.self)) }
        let request = RequestLine(
            number: RequestNumber(high: 1, low: 2), method: "POST", route: "/v1/connect", status: 503,
            code: "overloaded", duration: .milliseconds(12), trace: "t", upstreamRequest: "abc-1.2:3")
        log.add(request)
        log.flush()
        var logger = Logger(label: "test") { _ in JSONLogHandler(log) }
        logger.logLevel = .info
        request.write(to: logger)
        log.flush()
        #expect(lines.all.count == 2)
        #expect(lines.all.first == lines.all.last)
        #expect(lines.all.first?.hasSuffix(#","time":"2026-12-31T23:59:59.007Z"}\#n"#) == true)
        #expect(lines.all.first?.contains(#""level":"warning""#) == true)
    }

    @Test("keeps a value inside its line of text, escapes control characters, and masks tokens (S2, S8)")
    func text() {
        for isColoured in [false, true] {
            let lines = Lines()
            let log = TextLog(isColoured: isColoured, now: { (1_798_761_599, 7) }, write: lines.append)
            var logger = Logger(label: "test") { _ in TextLogHandler(log) }
            logger.logLevel = .info
            logger.error("a\r\nb\u{1B}[31m\u{9B}c", metadata: ["bff.url": "/?fp_cot=cot_1\n", "x": "1"])
            log.add(
                RequestLine(
                    number: RequestNumber(high: 1, low: 2), method: "GET", route: "/v1/locations", status: 200,
                    duration: .milliseconds(12)))
            let plain = lines.all.map { $0.replacing(/\u{1B}\[\d+m/, with: "") }
            #expect(
                plain == [
                    "23:59:59.007Z error    a\\u{d}\\u{a}b\\u{1b}[31m\\u{9b}c url=/?fp_cot=cot_***\\u{a} x=1\n",
                    "23:59:59.007Z info     GET /v1/locations 200 in 12 ms request=req_000000000000000100000002\n",
                ])
            #expect((lines.all != plain) == isColoured)
        }
    }

    @Test func `buffers lines, writes at once on a warning, and neither loses nor tears a line`() {
        let lines = Lines()
        let log = JSONLog(limit: 1000) { lines.append(String(decoding: $0, as: UTF8.self)) }
        var logger = Logger(label: "test") { _ in JSONLogHandler(log) }
        logger.logLevel = .info
        logger.info("one")
        #expect(lines.all.isEmpty)
        logger.warning("two")
        #expect(lines.all.count == 1)
        for number in 0..<100 { logger.info("\(number)") }
        #expect(lines.all.count > 1)
        log.flush()
        let text = lines.all.joined()
        #expect(text.split(separator: "\n").count == 102)
        #expect(lines.all.allSatisfy { $0.hasPrefix("{") })
        #expect(lines.all.allSatisfy { $0.hasSuffix("}\n") })
    }
}

/// Collects what a log handler writes.
private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }

    @Sendable func append(_ line: String) {
        lines.withLock { $0.append(line) }
    }
}
