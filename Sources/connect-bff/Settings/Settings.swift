import Configuration
import Core
import Edge
import Flatpeak
import FoundationEssentials
import Gateway
import Logging
import Networking
import Sessions
import Webhooks

/// Everything that the service is told, checked.
///
/// There is no value of this type that the service cannot run with.
struct Settings: Sendable {
    let flatpeak: FlatpeakClient.Settings
    /// Certificates in PEM.
    let certificateAuthorities: [UInt8]?
    let listen: ListenAddress
    let adminListen: ListenAddress
    let drain: Duration
    let keepAlive: Duration
    let publicURL: WebAddress
    let sessions: SessionSettings
    let allowedHosts: Set<String>
    let allowedOrigins: Set<String>
    let logLevel: Logger.Level
    let logFormat: LogFormat
    let relayReader: RelayReader
    let tracesURL: String?
    let authentication: Authentication
    let trustedProxies: TrustedProxies
    let limits: RateLimits
    let state: StateSettings
    /// Nil when events are only kept.
    let events: EventSettings?
    let warnings: [String]

    enum LogFormat: String, CaseIterable { case json, text }
    /// Who reads relayed calls that came whole and in the plain shape.
    enum RelayReader: String, CaseIterable { case plain, decoder }

    /// What is wrong with the settings, one line each, with no value in it that was secret.
    struct Invalid: Error {
        let problems: [String]
        /// What may have led to them, such as misspelt names.
        var warnings: [String] = []
    }

    /// Reads the environment and, below it, a YAML file.
    static func read(environment: [String: String], file: String?) async throws(Invalid) -> Settings {
        try await read(try reader(environment, file))
    }

    /// Reads the credentials alone, as ``read(environment:file:)`` does; their files may have changed.
    static func credentials(environment: [String: String], file: String?) async throws(Invalid) -> Credentials {
        var reader = try reader(environment, file)
        guard let credentials = await credentials(&reader) else { throw Invalid(problems: reader.problems) }
        return credentials
    }

    /// Reads where the service keeps what it knows, alone: for commands that need nothing else.
    static func state(environment: [String: String], file: String?) async throws(Invalid) -> StateSettings {
        var reader = try reader(environment, file)
        guard let state = await StateSettings.read(&reader) else { throw Invalid(problems: reader.problems) }
        return state
    }

    /// Reads the keys that sign events, alone; nil when there are none.
    static func eventKeys(environment: [String: String], file: String?) async throws(Invalid) -> [EventKey]? {
        var reader = try reader(environment, file)
        let keys = await EventSettings.keys(&reader)
        guard reader.problems.isEmpty else { throw Invalid(problems: reader.problems) }
        return keys
    }

    private static func reader(_ environment: [String: String], _ file: String?) throws(Invalid) -> SettingsReader {
        // Empty is not set: Compose passes every variable that its file names.
        let given = environment.filter { !$0.value.isEmpty }
        let secrets = Set(Setting.all.filter(\.isSecret).map(\.variable))
        let settings = try file.map { (path) throws(Invalid) in try SettingsFile(path) }
        let providers: [any ConfigProvider] = [
            EnvironmentVariablesProvider(environmentVariables: given, secretsSpecifier: .specific(secrets)),
            InMemoryProvider(values: settings?.values ?? [:]),
        ]
        return SettingsReader(
            ConfigReader(providers: providers), problems: settings?.problems ?? [],
            warnings: SettingName.warnings(about: given))
    }

    private static func credentials(_ reader: inout SettingsReader) async -> Credentials? {
        let account = await reader.secret(.accountID)
        let key = await reader.secret(.apiKey)
        let next = await reader.secret(.nextAPIKey)
        guard reader.problems.isEmpty, let account, let key else { return nil }
        return Credentials(account: account, keys: [key] + (next.map { [$0] } ?? []))
    }

    private static func read(_ unread: SettingsReader) async throws(Invalid) -> Settings {
        var reader = unread
        let credentials = await credentials(&reader)
        let apiURL = await reader.value(.apiURL) { (text) throws(SettingsReader.Unfit) in try WebAddress.server(text) }
        let connectURL = await reader.value(.connectURL) { (text) throws(SettingsReader.Unfit) in
            try WebAddress.server(text)
        }
        let version = await reader.value(.version, choice(FlatpeakVersion.self))
        let mode = await reader.value(.mode, choice(FlatpeakMode.self))
        let certificateAuthorities = await reader.value(.certificateAuthorities) {
            (path) throws(SettingsReader.Unfit) in
            let certificates = try SettingsReader.guarded(path, called: path).bytes
            guard HTTPTransport.holdsCertificate(certificates) else {
                throw .init("\(path) holds no certificate in PEM")
            }
            return certificates
        }
        let address = address(unixMode: await reader.value(.listenMode, fileMode) ?? 0)
        let listen = await reader.value(.listen, address)
        let adminListen = await reader.value(.adminListen, address)
        if case .inherited? = adminListen { reader.complain(.adminListen, "must be host:port or unix:/path") }
        if let listen, listen == adminListen { reader.complain(.adminListen, "is the same as BFF_LISTEN") }
        let drain = await reader.value(.drain, seconds(0...60))
        let keepAlive = await reader.value(.keepAlive, seconds(1...3600))
        let publicURL = await reader.value(.publicURL) { (text) throws(SettingsReader.Unfit) in
            try WebAddress.server(text, path: true)
        }
        let hosts = await reader.value(.allowedHosts, hosts)
        let apps = await reader.value(.connectApps, apps)
        let returnURLs = await reader.value(.returnURLs) { (text) throws(SettingsReader.Unfit) in
            try items(text).map { (item) throws(SettingsReader.Unfit) in try WebAddress(item).text }
        }
        let origins = await reader.value(.allowedOrigins, origins)
        let logLevel = await reader.value(.logLevel, choice(Logger.Level.self))
        let logFormat = await reader.value(.logFormat, choice(LogFormat.self))
        let relayReader = await reader.value(.relayReader, choice(RelayReader.self))
        let tracesURL = await reader.value(.tracesURL) { (text) throws(SettingsReader.Unfit) in
            try WebAddress.server(text, path: true).text
        }
        let authentication = await Authentication.read(&reader)
        let forwardedHeader = await reader.value(.forwardedHeader, choice(ForwardedHeader.self))
        let trustedProxies = await trustedProxies(&reader, listen, forwardedHeader ?? .xForwardedFor)
        let limits = await RateLimits.read(&reader)
        let state = await StateSettings.read(&reader)
        let events = await EventSettings.read(&reader)
        if let publicURL {
            if let hosts, !hosts.isEmpty, !hosts.contains(publicURL.host) {
                reader.warn(
                    .allowedHosts,
                    "does not have \(publicURL.host), the host of BFF_PUBLIC_URL: unless the proxy sends another Host, "
                        + "every callback is refused")
            }
            for (setting, upstream) in [(Setting.apiURL, apiURL), (.connectURL, connectURL)]
            where upstream?.origin == publicURL.origin {
                reader.complain(
                    setting,
                    "is this service's own BFF_PUBLIC_URL; it must name Flatpeak. The web app's address is set "
                        + "in the web app, as CONNECT_API_URL")
            }
        }

        guard reader.problems.isEmpty, let credentials, let apiURL, let connectURL, let version, let listen,
            let adminListen, let drain, let keepAlive, let publicURL, let apps, let logLevel, let logFormat,
            let authentication, let trustedProxies, let limits,
            let state, let relayReader
        else { throw Invalid(problems: reader.problems, warnings: reader.warnings) }
        return Settings(
            flatpeak: .init(
                apiURL: apiURL.text, connectURL: connectURL.text, credentials: credentials, version: version,
                mode: mode),
            certificateAuthorities: certificateAuthorities, listen: listen, adminListen: adminListen, drain: drain,
            keepAlive: keepAlive, publicURL: publicURL,
            sessions: .init(
                callbackURL: "\(publicURL.text)/v1/connect/callback",
                apps: apps.map { ConnectApp(name: $0.name, url: $0.address.text) }, returnURLs: returnURLs ?? [],
                sessionLife: state.sessionLife, idempotencyLife: state.idempotencyLife),
            allowedHosts: hosts ?? [],
            allowedOrigins: (origins ?? Set(apps.compactMap(\.address.origin))).union(
                [publicURL.origin].compactMap(\.self)), logLevel: logLevel,
            logFormat: logFormat, relayReader: relayReader, tracesURL: tracesURL, authentication: authentication,
            trustedProxies: trustedProxies, limits: limits,
            state: state, events: events,
            warnings: reader.warnings)
    }

    // MARK: - Values

    private static func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ type: Value.Type
    ) -> (String) throws(SettingsReader.Unfit) -> Value {
        { (text) throws(SettingsReader.Unfit) in
            guard let value = Value(rawValue: text) else {
                throw .init("must be one of " + Value.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return value
        }
    }

    /// The parts of a comma list, without blanks around them.
    static func items(_ text: String) throws(SettingsReader.Unfit) -> [String] {
        let items = text.split(separator: ",", omittingEmptySubsequences: false).map { item in
            String(item.drop(while: { $0 == " " }).reversed().drop(while: { $0 == " " }).reversed())
        }
        guard !items.contains("") else { throw .init("has an empty item") }
        return items
    }

    /// `5s`.
    private static func seconds(_ range: ClosedRange<Int>) -> (String) throws(SettingsReader.Unfit) -> Duration {
        { (text) throws(SettingsReader.Unfit) in
            guard text.hasSuffix("s"), let count = Int(text.dropLast()), range.contains(count) else {
                throw .init("must be a number of seconds from \(range.lowerBound) to \(range.upperBound), such as 5s")
            }
            return .seconds(count)
        }
    }

    private static func fileMode(_ text: String) throws(SettingsReader.Unfit) -> UInt16 {
        guard (3...4).contains(text.utf8.count), let mode = UInt16(text, radix: 8), mode <= 0o777, mode & 0o600 == 0o600
        else { throw .init("must be permissions that let the service itself in, such as 660") }
        return mode
    }

    private static func address(unixMode mode: UInt16) -> (String) throws(SettingsReader.Unfit) -> ListenAddress {
        { (text) throws(SettingsReader.Unfit) in try Self.address(text, mode: mode) }
    }

    private static func address(_ text: String, mode: UInt16) throws(SettingsReader.Unfit) -> ListenAddress {
        if text == "systemd" { return .inherited(sockets: 1) }
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard path.hasPrefix("/") else { throw .init("needs a path from the root: unix:/run/connect-bff.sock") }
            guard path.utf8.count < 108 else { throw .init("has a path that is too long for a socket") }
            return .unix(path: path, mode: mode)
        }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else { throw .init("must be host:port, unix:/path or systemd") }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { throw .init("must be host:port, unix:/path or systemd") }
        return .tcp(host: host, port: port)
    }

    private static func apps(_ text: String) throws(SettingsReader.Unfit) -> [(name: String, address: WebAddress)] {
        var apps: [(name: String, address: WebAddress)] = []
        for item in try items(text) {
            let parts = item.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, parts[0].utf8.allSatisfy(\.isWordByte) else {
                throw .init("must be name=address items")
            }
            guard !apps.contains(where: { $0.name == parts[0] }) else { throw .init("names \(parts[0]) twice") }
            apps.append((parts[0], try WebAddress(parts[1])))
        }
        return apps
    }

    private static func trustedProxies(
        _ reader: inout SettingsReader, _ listen: ListenAddress?, _ header: ForwardedHeader
    ) async -> TrustedProxies? {
        let proxies = await reader.value(.trustedProxies, proxies)
        guard let (ranges, unix) = proxies else { return nil }
        var isTCP = false
        if case .tcp? = listen { isTCP = true }
        // No client of a TCP listener comes through a unix socket; the word there is a mistake about who is trusted.
        if unix, isTCP, await reader.isGiven(.trustedProxies) {
            reader.complain(.trustedProxies, "names unix, and BFF_LISTEN is a TCP address; remove the word unix")
        }
        return TrustedProxies(ranges, unix: unix && !isTCP, header: header)
    }

    private static func proxies(
        _ text: String
    ) throws(SettingsReader.Unfit) -> (ranges: [AddressRange], unix: Bool) {
        var ranges: [AddressRange] = []
        var unix = false
        for item in try items(text) {
            if item == "unix" {
                unix = true
            } else if let range = AddressRange(item) {
                if range.isEverything {
                    throw .init("\(item) trusts every address there is; write the range of your own proxies")
                }
                ranges.append(range)
            } else {
                throw .init("\(item) is neither an address range such as 10.0.0.0/8 nor the word unix")
            }
        }
        return (ranges, unix)
    }

    private static func hosts(_ text: String) throws(SettingsReader.Unfit) -> Set<String> {
        // With a dot at its end it is the same name, written in full.
        let hosts = try items(text).map { $0.hasByteSuffix(".") ? String($0.dropLast()) : $0 }
        for host in hosts {
            guard let address = try? WebAddress("https://\(host)"), address.host == host, address.port == nil,
                !host.hasByteSuffix(".")
            else {
                throw .init("\(host) is not a host; write its name in lower case, without scheme, port or path")
            }
        }
        return Set(hosts)
    }

    private static func origins(_ text: String) throws(SettingsReader.Unfit) -> Set<String> {
        Set(try items(text).map { (item) throws(SettingsReader.Unfit) in try WebAddress.pageOrigin(item) })
    }
}
