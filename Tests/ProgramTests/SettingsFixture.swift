import Foundation
import TestSupport

@testable import connect_bff

/// Every variable with a fit value, and the files that some of them name.
final class SettingsFixture {
    /// By the names of all variables; the `_FILE` twins of secrets name files with the same values.
    private(set) var fit: [String: String]
    let folder: String
    private let openSSL: OpenSSLProgram

    static let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

    init() throws {
        openSSL = try OpenSSLProgram()
        folder = openSSL.folder
        fit = [
            "FLATPEAK_ACCOUNT_ID": "acc_661677911f", "FLATPEAK_API_KEY": "sk_test_4f1c9",
            "FLATPEAK_API_KEY_NEXT": "sk_test_5a2d0", "FLATPEAK_API_URL": "https://api.flatpeak.test",
            "FLATPEAK_CONNECT_URL": "https://connect.flatpeak.test", "FLATPEAK_VERSION": "2025-09-14.anode",
            "FLATPEAK_MODE": "test", "BFF_LISTEN": "127.0.0.1:8081", "BFF_LISTEN_MODE": "666",
            "BFF_ADMIN_LISTEN": "127.0.0.1:9091", "BFF_DRAIN": "3s", "BFF_KEEP_ALIVE": "80s",
            "BFF_PUBLIC_URL": "https://bff.example", "BFF_ALLOWED_HOSTS": "bff.example",
            "BFF_CONNECT_APPS": "web=https://app.example", "BFF_CONNECT_PAGE": "on",
            "BFF_CONFIRM": "code", "BFF_CONFIRM_OPTIONAL": "on",
            "BFF_RETURN_URLS": "https://app.example/done",
            "BFF_BRAND_NAME": "Daylight", "BFF_BRAND_COLOR": "#0B6E4F",
            "BFF_BRAND_SUPPORT_URL": "mailto:help@app.example", "BFF_BRAND_PRIVACY_URL": "https://app.example/privacy",
            "BFF_ALLOWED_ORIGINS": "https://app.example", "BFF_AUTH": "jwt,proxy,service",
            "BFF_JWT_ISSUER": "https://id.example/", "BFF_JWT_AUDIENCE": "bff audience",
            "BFF_JWT_JWKS_URL": "https://id.example/keys", "BFF_TRUSTED_PROXIES": "10.0.0.0/8",
            "BFF_FORWARDED_HEADER": "forwarded", "BFF_PROXY_USER_HEADER": "X-Auth-Request-User",
            "BFF_DATABASE_URL": "postgres://bff:hunter22@db.example/bff?sslmode=verify-full",
            "BFF_USER_METERS": "on", "BFF_STATE_KEY": Self.key, "BFF_KEEP_SESSIONS": "30d",
            "BFF_KEEP_IDEMPOTENCY": "12h",
            "BFF_EVENTS_URL": "https://backend.example/events",
            "BFF_EVENTS_SECRET": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "BFF_LIMIT_MINT": "11/m",
            "BFF_LIMIT_RELAY": "12/m", "BFF_LIMIT_ADDRESS": "13/m", "BFF_RELAY_READER": "decoder",
            "BFF_LOG_LEVEL": "debug", "BFF_LOG_FORMAT": "text", "BFF_TRACES_URL": "https://collector.example/v1/traces",
        ]
        try openSSL.run(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=ca.example", "-keyout", "ca.key", "-out", "ca.pem")
        fit["BFF_BRAND_LOGO"] = try write("logo.svg", #"<svg xmlns="http://www.w3.org/2000/svg"/>"#)
        fit["FLATPEAK_CA_FILE"] = "\(folder)/ca.pem"
        fit["BFF_JWT_JWKS_FILE"] = try write(
            "jwks.json",
            #"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)
        fit["BFF_SERVICE_KEYS_FILE"] = try write(
            "service-keys",
            "backend a78d8e4da1cadf8b616b150d29c363db aa7d6fc1bd898b607210c2900b2c4766bac164c6b881e3ff34f0e815b278debf")
        for setting in Setting.all where setting.isSecret {
            fit[setting.twin] = try write(setting.twin, (fit[setting.variable] ?? "") + "\n")
        }
    }

    func remove() { openSSL.remove() }

    /// Variables of which one is enough, and both are refused.
    static func instead(of variable: String) -> String? {
        if let setting = Setting.all.first(where: { $0.isSecret && $0.twin == variable }) { return setting.variable }
        return ["BFF_JWT_JWKS_FILE": "BFF_JWT_JWKS_URL"][variable]
    }

    /// An environment in which everything that `variable` needs is given, and it is `text`.
    func environment(_ variable: String, _ text: String?) -> [String: String] {
        var environment = fit.filter { Self.instead(of: $0.key) == nil }
        if let other = Self.instead(of: variable) { environment[other] = nil }
        environment[variable] = text
        return environment
    }

    /// A file that the service alone may read.
    @discardableResult
    func write(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        let path = "\(folder)/\(name)"
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    static func problems(_ environment: [String: String], file: String? = nil) async -> [String] {
        do throws(Settings.Invalid) {
            _ = try await Settings.read(environment: environment, file: file)
            return []
        } catch {
            return error.problems
        }
    }
}
