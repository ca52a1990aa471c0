import Core
import Edge
import Flatpeak
import FoundationEssentials
import Gateway
import Keys
import Logging
import Networking

/// The authenticators that the settings name, and what keeps their keys current.
struct Authenticators {
    let all: AnyOf
    let reloads: [ReloadService.Reload]

    /// - Parameters:
    ///   - proxies: Those whose word about a user is taken.
    ///   - transport: Reaches the identity provider.
    init(_ settings: Authentication, proxies: TrustedProxies, transport: HTTPTransport, logger: Logger) {
        var authenticators: [any Authenticator] = []
        var reloads: [ReloadService.Reload] = []
        if let jwt = settings.jwt {
            let (authenticator, reload) = Self.jwt(jwt, transport, logger)
            authenticators.append(authenticator)
            reloads.append(reload)
        }
        if let proxy = settings.proxy {
            authenticators.append(ProxyAuthenticator(header: proxy.header, proxies: proxies))
        }
        if let (file, keys) = settings.serviceKeys {
            let authenticator = ServiceKeyAuthenticator(keys)
            authenticators.append(authenticator)
            // First: the revocation of a key must not wait for an identity provider that does not answer.
            reloads.insert(Self.reload(of: keys, in: file, authenticator, logger), at: 0)
        }
        all = AnyOf(authenticators)
        self.reloads = reloads
    }

    /// The identity provider's keys are a cache that ``RefreshedKeys`` renews by age and on demand, and that expires; a
    /// hangup only makes it read now.
    private static func jwt(
        _ settings: Authentication.JWT, _ transport: HTTPTransport, _ logger: Logger
    ) -> (JWTAuthenticator, ReloadService.Reload) {
        let file: KeysFile?
        let life: Duration
        let fetch: @Sendable () async throws(DocumentFailure) -> [UInt8]?
        switch settings.keys {
        case .url(let url):
            (file, life) = (nil, JWTAuthenticator.remoteKeysLife)
            fetch = { () throws(DocumentFailure) in try await transport.document(at: url) }
        case .file(let keys):
            (file, life) = (keys, .seconds(15))
            fetch = { () throws(DocumentFailure) in
                (try? keys.contents()).map { $0.isEmpty ? Array(#"{"keys":[]}"#.utf8) : $0 }
            }
        }
        let authenticator = JWTAuthenticator(
            issuer: settings.issuer, audience: settings.audience, keysLife: life, fetch: fetch, now: { Date() },
            logger: logger)
        return (
            authenticator,
            { trigger in
                guard trigger == .hangup else { return }
                file?.hangUp()
                await authenticator.reload()
            }
        )
    }

    private static func reload(
        of keys: ServiceKeys, in file: KeysFile, _ authenticator: ServiceKeyAuthenticator, _ logger: Logger
    ) -> ReloadService.Reload {
        let reloaded = Reloaded(
            "service keys", inUse: keys, logger: logger,
            load: { (trigger) throws(ReloadFailure) in
                if trigger == .hangup { file.hangUp() }
                return try file.serviceKeys()
            },
            adopt: { (keys) throws(ReloadFailure) in
                authenticator.replace(keys)
                if keys.isEmpty { logger.error("no service key is left: every service key is refused") }
            })
        return { await reloaded.reload($0) }
    }
}

extension KeysFile {
    fileprivate func serviceKeys() throws(ReloadFailure) -> ServiceKeys {
        let bytes: [UInt8]
        do throws(TrustedFile.Unfit) { bytes = try contents() } catch {
            throw ReloadFailure(why: error.problem(path).why)
        }
        do throws(SettingsReader.Unfit) { return try Authentication.serviceKeys(bytes, in: path) } catch {
            throw ReloadFailure(why: error.why)
        }
    }
}
