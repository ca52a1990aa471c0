import Core
import FoundationEssentials
import Gateway
import HTTPTypes
import Keys

/// How users sign in, as `BFF_AUTH` and the settings of each way say.
struct Authentication: Sendable {
    var jwt: JWT?
    var proxy: Proxy?
    var serviceKeys: KeysFile?

    struct JWT: Sendable {
        let issuer: String
        let audience: String
        let keys: Source

        /// Where the identity provider's keys are.
        enum Source: Sendable {
            case url(String)
            case file(String)
        }
    }

    struct Proxy: Sendable {
        let header: HTTPField.Name
    }

    struct KeysFile: Sendable {
        let path: String
        let keys: ServiceKeys
    }

    private enum Way: String, CaseIterable { case jwt, proxy, service }

    /// Reads `BFF_AUTH` and what the ways in it need; a way that lacks something is a problem, never passed over.
    static func read(_ reader: inout SettingsReader) async -> Authentication? {
        let names: [String]? = await reader.value(.auth) { (text) throws(SettingsReader.Unfit) in
            try Settings.items(text)
        }
        var result = Authentication()
        var ways: Set<Way> = []
        for name in names ?? [] {
            guard let way = Way(rawValue: name) else {
                reader.complain(
                    .auth,
                    name == "dev"
                        ? "dev believes every caller and exists in `connect-bff dev` alone"
                        : "must be a list of " + Way.allCases.map(\.rawValue).joined(separator: ", "))
                continue
            }
            guard ways.insert(way).inserted else {
                reader.complain(.auth, "names \(name) twice")
                continue
            }
            switch way {
            case .jwt: result.jwt = await jwt(&reader)
            case .proxy: result.proxy = await proxy(&reader)
            case .service: result.serviceKeys = await serviceKeys(&reader)
            }
        }
        // A setting of a way that is not in use protects nobody, and whoever set it believes that it does.
        let idle: [(Way, [Setting])] = [
            (.jwt, [.jwtIssuer, .jwtAudience, .jwtKeysURL, .jwtKeysFile]), (.proxy, [.proxyUserHeader]),
            (.service, [.serviceKeysFile]),
        ]
        for (way, settings) in idle where !ways.contains(way) {
            for setting in settings where await reader.isGiven(setting) {
                reader.complain(setting, "has no effect, since BFF_AUTH does not name \(way.rawValue)")
            }
        }
        return names == nil ? nil : result
    }

    private static func jwt(_ reader: inout SettingsReader) async -> JWT? {
        let issuer = await reader.needed(.jwtIssuer, for: "jwt")
        let audience = await reader.needed(.jwtAudience, for: "jwt")
        let url = await reader.value(.jwtKeysURL) { (text) throws(SettingsReader.Unfit) in
            let address = try WebAddress(text)
            guard address.origin != nil else { throw .init("must start with https://") }
            return address.text
        }
        let file = await reader.value(.jwtKeysFile) { (path) throws(SettingsReader.Unfit) in
            guard let jwks = FileManager.default.contents(atPath: path) else { throw .init("\(path) cannot be read") }
            guard let keys = try? VerificationKeys(jwks: Array(jwks)), !keys.isEmpty else {
                throw .init("\(path) is no JWK set with a key for RS256, PS256, ES256 or EdDSA in it")
            }
            return path
        }
        let source: JWT.Source
        switch (url, file) {
        case (let url?, nil): source = .url(url)
        case (nil, let file?): source = .file(file)
        case (_?, _?):
            reader.complain(.jwtKeysURL, "is given together with BFF_JWT_JWKS_FILE; keep one")
            return nil
        case (nil, nil):
            reader.complain(.jwtKeysURL, "is required for BFF_AUTH=jwt, here or as BFF_JWT_JWKS_FILE")
            return nil
        }
        guard let issuer, let audience else { return nil }
        return JWT(issuer: issuer, audience: audience, keys: source)
    }

    private static func proxy(_ reader: inout SettingsReader) async -> Proxy? {
        if await !reader.isGiven(.trustedProxies) {
            reader.complain(
                .trustedProxies, "must be set by hand for BFF_AUTH=proxy: whoever is in it can be any user")
        }
        let header: HTTPField.Name? = await reader.value(.proxyUserHeader) { (text) throws(SettingsReader.Unfit) in
            let reserved = ["authorization", "cookie", "host", "connection", "forwarded"]
            guard !text.contains("_"), let name = HTTPField.Name(text), !reserved.contains(name.canonicalName) else {
                throw .init("must be a header name of its own, such as X-Auth-Request-User")
            }
            return name
        }
        guard let header else {
            if await !reader.isGiven(.proxyUserHeader) {
                reader.complain(.proxyUserHeader, "is required for BFF_AUTH=proxy")
            }
            return nil
        }
        return Proxy(header: header)
    }

    private static func serviceKeys(_ reader: inout SettingsReader) async -> KeysFile? {
        guard let path = await reader.needed(.serviceKeysFile, for: "service") else { return nil }
        do throws(SettingsReader.Unfit) {
            return KeysFile(path: path, keys: try keys(in: path))
        } catch {
            reader.complain(.serviceKeysFile, error.why)
            return nil
        }
    }

    /// Reads a keys file.
    static func keys(in path: String) throws(SettingsReader.Unfit) -> ServiceKeys {
        let data = try SettingsReader.guarded(path, called: path).data
        do throws(ServiceKeys.Malformed) {
            return try ServiceKeys(String(decoding: data, as: UTF8.self))
        } catch {
            throw .init(
                error.line == 0
                    ? "\(path) names no key; make one with `connect-bff key new NAME`"
                    : "line \(error.line) of \(path) is not NAME SALT HASH; make one with `connect-bff key new NAME`")
        }
    }
}
