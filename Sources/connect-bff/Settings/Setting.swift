/// A setting: its name in the environment, its default, and whether its value is a secret.
///
/// In YAML `FLATPEAK_ACCOUNT_ID` is `flatpeak.accountId`. A secret also has a twin with `_FILE` at its end.
struct Setting: Sendable {
    let variable: String
    /// The value when it is not given; `nil` for a setting that is required, or off by default.
    let fallback: String?
    let isSecret: Bool
    let isRequired: Bool

    /// For a secret: the variable that names a file with its value.
    var twin: String { "\(variable)_FILE" }

    private init(_ variable: String, fallback: String? = nil, isSecret: Bool = false, isRequired: Bool = false) {
        self.variable = variable
        self.fallback = fallback
        self.isSecret = isSecret
        self.isRequired = isRequired
    }

    static let accountID = Setting("FLATPEAK_ACCOUNT_ID", isSecret: true, isRequired: true)
    static let apiKey = Setting("FLATPEAK_API_KEY", isSecret: true, isRequired: true)
    static let nextAPIKey = Setting("FLATPEAK_API_KEY_NEXT", isSecret: true)
    static let apiURL = Setting("FLATPEAK_API_URL", fallback: "https://api.flatpeak.com")
    static let connectURL = Setting("FLATPEAK_CONNECT_URL", fallback: "https://connect.flatpeak.com")
    static let version = Setting("FLATPEAK_VERSION", fallback: "2025-09-14.anode")
    static let mode = Setting("FLATPEAK_MODE")
    static let certificateAuthorities = Setting("FLATPEAK_CA_FILE")
    static let listen = Setting("BFF_LISTEN", fallback: "127.0.0.1:8080")
    static let listenMode = Setting("BFF_LISTEN_MODE", fallback: "660")
    static let adminListen = Setting("BFF_ADMIN_LISTEN", fallback: "127.0.0.1:9090")
    static let drain = Setting("BFF_DRAIN", fallback: "5s")
    static let keepAlive = Setting("BFF_KEEP_ALIVE", fallback: "90s")
    static let publicURL = Setting("BFF_PUBLIC_URL", fallback: "http://localhost:8080")
    static let allowedHosts = Setting("BFF_ALLOWED_HOSTS")
    static let connectApps = Setting("BFF_CONNECT_APPS")
    static let connectPage = Setting("BFF_CONNECT_PAGE", fallback: "on")
    static let confirm = Setting("BFF_CONFIRM", fallback: "off")
    static let confirmOptional = Setting("BFF_CONFIRM_OPTIONAL", fallback: "off")
    static let brandName = Setting("BFF_BRAND_NAME")
    static let brandColor = Setting("BFF_BRAND_COLOR")
    static let brandLogo = Setting("BFF_BRAND_LOGO")
    static let brandSupportURL = Setting("BFF_BRAND_SUPPORT_URL")
    static let brandPrivacyURL = Setting("BFF_BRAND_PRIVACY_URL")
    static let returnURLs = Setting("BFF_RETURN_URLS")
    static let allowedOrigins = Setting("BFF_ALLOWED_ORIGINS")
    static let auth = Setting("BFF_AUTH", isRequired: true)
    static let jwtIssuer = Setting("BFF_JWT_ISSUER")
    static let jwtAudience = Setting("BFF_JWT_AUDIENCE")
    static let jwtKeysURL = Setting("BFF_JWT_JWKS_URL")
    static let jwtKeysFile = Setting("BFF_JWT_JWKS_FILE")
    static let trustedProxies = Setting("BFF_TRUSTED_PROXIES", fallback: "127.0.0.1/32,::1/128,unix")
    static let forwardedHeader = Setting("BFF_FORWARDED_HEADER", fallback: "x-forwarded-for")
    static let proxyUserHeader = Setting("BFF_PROXY_USER_HEADER")
    static let serviceKeysFile = Setting("BFF_SERVICE_KEYS_FILE")
    static let userMeters = Setting("BFF_USER_METERS", fallback: "off")
    static let databaseURL = Setting("BFF_DATABASE_URL", fallback: "sqlite:state/connect-bff.sqlite", isSecret: true)
    static let stateKey = Setting("BFF_STATE_KEY", isSecret: true)
    static let keepSessions = Setting("BFF_KEEP_SESSIONS", fallback: "90d")
    static let keepIdempotency = Setting("BFF_KEEP_IDEMPOTENCY", fallback: "token")
    static let eventsURL = Setting("BFF_EVENTS_URL")
    static let eventsSecret = Setting("BFF_EVENTS_SECRET", isSecret: true)
    static let mintLimit = Setting("BFF_LIMIT_MINT", fallback: "10/m")
    static let relayLimit = Setting("BFF_LIMIT_RELAY", fallback: "120/m")
    static let addressLimit = Setting("BFF_LIMIT_ADDRESS", fallback: "1200/m")
    static let relayReader = Setting("BFF_RELAY_READER", fallback: "plain")
    static let logLevel = Setting("BFF_LOG_LEVEL", fallback: "info")
    static let logFormat = Setting("BFF_LOG_FORMAT", fallback: "json")
    static let tracesURL = Setting("BFF_TRACES_URL")

    /// Every setting, in the order of the README's table.
    static let all = [
        accountID, apiKey, nextAPIKey, apiURL, connectURL, version, mode, certificateAuthorities, listen, listenMode,
        adminListen, drain, keepAlive, publicURL, allowedHosts,
        connectApps, connectPage, confirm, confirmOptional,
        brandName, brandColor, brandLogo, brandSupportURL, brandPrivacyURL, returnURLs,
        allowedOrigins, auth, jwtIssuer, jwtAudience, jwtKeysURL, jwtKeysFile,
        trustedProxies,
        forwardedHeader, proxyUserHeader, serviceKeysFile, userMeters, databaseURL, stateKey, keepSessions,
        keepIdempotency,
        eventsURL, eventsSecret, mintLimit, relayLimit,
        addressLimit, relayReader, logLevel, logFormat, tracesURL,
    ]

    /// `FLATPEAK_ACCOUNT_ID` as `["flatpeak", "accountId"]`.
    static func path(of variable: String) -> [String] {
        let words = variable.split(separator: "_").map { $0.lowercased() }
        guard let section = words.first, words.count > 1 else { return words }
        let name = words[1] + words.dropFirst(2).map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        return [section, name]
    }
}
