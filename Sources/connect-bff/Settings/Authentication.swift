import Core
import FoundationEssentials
import Gateway
import HTTPTypes
import Keys

/// How users sign in: the methods of `BFF_AUTH`, each with its settings.
struct Authentication: Sendable {
    var jwt: JWT?
    var proxy: Proxy?
    var serviceKeys: (file: KeysFile, inUse: ServiceKeys)?
    /// Who may send meter records, and create and delete devices.
    var writers = RoutePolicy.Callers.backend

    struct JWT: Sendable {
        let issuer: String
        let audience: String
        let keys: Source

        /// Where the identity provider's keys are read.
        enum Source: Sendable {
            case url(String)
            case file(KeysFile)
        }
    }

    struct Proxy: Sendable {
        let header: HTTPField.Name
    }

    /// Whether users may do what is the backend's otherwise.
    private enum UserMeters: String, CaseIterable { case on, off }

    private enum Method: String, CaseIterable { case jwt, proxy, service }

    /// Reads `BFF_AUTH` and what its methods need; a method that lacks something is a problem, and never left out.
    static func read(_ reader: inout SettingsReader) async -> Authentication? {
        let names: [String]? = await reader.value(.auth) { (text) throws(SettingsReader.Unfit) in
            try SettingsReader.items(text)
        }
        var result = Authentication()
        var methods: Set<Method> = []
        // Whether every name is known, and so which other settings have an effect.
        var isClear = names != nil
        for name in names ?? [] {
            guard let method = Method(rawValue: name) else {
                isClear = false
                reader.complain(
                    .auth,
                    name == "dev"
                        ? "dev believes every caller and exists in `connect-bff dev` alone"
                        : "must be a list of " + Method.allCases.map(\.rawValue).joined(separator: ", "))
                continue
            }
            guard methods.insert(method).inserted else {
                reader.complain(.auth, "names \(name) twice")
                continue
            }
            switch method {
            case .jwt: result.jwt = await jwt(&reader)
            case .proxy: result.proxy = await proxy(&reader)
            case .service: result.serviceKeys = await serviceKeys(&reader)
            }
        }
        // An operator who sets what a method needs expects it to protect, which it does not while the method is off.
        let idle: [(Method, [Setting])] = [
            (.jwt, [.jwtIssuer, .jwtAudience, .jwtKeysURL, .jwtKeysFile]), (.proxy, [.proxyUserHeader]),
            (.service, [.serviceKeysFile]),
        ]
        for (method, settings) in idle where isClear && !methods.contains(method) {
            for setting in settings where await reader.isGiven(setting) {
                reader.complain(setting, "has no effect, since BFF_AUTH does not name \(method.rawValue)")
            }
        }
        guard let userMeters = await reader.value(.userMeters, SettingsReader.choice(UserMeters.self)) else {
            return nil
        }
        result.writers = userMeters == .on ? .users : .backend
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
            let jwks = try SettingsReader.guarded(path, called: path).bytes
            guard let keys = try? IdentityKeySet(jwks: jwks), !keys.isEmpty else {
                throw .init("\(path) is no JWK set with a key for RS256, PS256, ES256 or EdDSA in it")
            }
            return KeysFile(path, bytes: jwks)
        }
        switch (await reader.isGiven(.jwtKeysURL), await reader.isGiven(.jwtKeysFile)) {
        case (true, true): reader.complain(.jwtKeysURL, "is given together with BFF_JWT_JWKS_FILE; keep one")
        case (false, false):
            reader.complain(.jwtKeysURL, "is required for BFF_AUTH=jwt, here or as BFF_JWT_JWKS_FILE")
        default: break
        }
        let source = url.map(JWT.Source.url) ?? file.map(JWT.Source.file)
        guard let issuer, let audience, let source else { return nil }
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

    private static func serviceKeys(
        _ reader: inout SettingsReader
    ) async -> (file: KeysFile, inUse: ServiceKeys)? {
        guard let path = await reader.needed(.serviceKeysFile, for: "service") else { return nil }
        do throws(SettingsReader.Unfit) {
            let bytes = try SettingsReader.guarded(path, called: path).bytes
            let keys = try serviceKeys(bytes, in: path)
            guard !keys.isEmpty else {
                throw .init("\(path) names no key; make one with `connect-bff key new NAME`")
            }
            return (KeysFile(path, bytes: bytes), keys)
        } catch {
            reader.complain(.serviceKeysFile, error.why)
            return nil
        }
    }

    /// Parses the contents of a service keys file, which may have no key.
    static func serviceKeys(_ bytes: [UInt8], in path: String) throws(SettingsReader.Unfit) -> ServiceKeys {
        do throws(ServiceKeys.Malformed) {
            return try ServiceKeys(String(decoding: bytes, as: UTF8.self))
        } catch {
            throw .init(
                "line \(error.line) of \(path) is not NAME SALT HASH; make one with `connect-bff key new NAME`")
        }
    }
}
