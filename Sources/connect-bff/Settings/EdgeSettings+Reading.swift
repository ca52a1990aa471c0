import Core
import Edge
import Flatpeak
import Sessions

extension EdgeSettings {
    /// Who reads relayed calls that came whole and in the plain shape.
    private enum RelayReader: String, CaseIterable { case plain, decoder }

    /// Reads hosts, origins, trusted proxies, rate limits, and how connections are read and kept.
    /// - Parameter apps: Their origins are allowed unless `BFF_ALLOWED_ORIGINS` replaces them.
    static func read(
        _ reader: inout SettingsReader, publicURL: WebAddress?, apps: [ConnectApp], listen: ListenAddress?
    ) async -> EdgeSettings? {
        let hosts = await reader.value(.allowedHosts, hosts)
        if let publicURL, let hosts, !hosts.isEmpty, !hosts.contains(publicURL.host) {
            reader.warn(
                .allowedHosts,
                "does not have \(publicURL.host), the host of BFF_PUBLIC_URL: unless the proxy sends another Host, "
                    + "every callback is refused")
        }
        let origins = await reader.value(.allowedOrigins, origins)
        let trustedProxies = await TrustedProxies.read(&reader, listen: listen)
        let rateLimits = await RateLimitSettings.read(&reader)
        let keepAlive = await reader.value(.keepAlive, SettingsReader.wholeSeconds(1...3600))
        let relayReader = await reader.value(.relayReader, SettingsReader.choice(RelayReader.self))
        guard let publicURL, let trustedProxies, let rateLimits, let keepAlive, let relayReader else { return nil }
        let pages =
            origins ?? Set(apps.filter { !$0.isHosted }.compactMap { (try? WebAddress($0.url))?.origin })
        var settings = EdgeSettings(
            hosts: hosts ?? [], origins: pages.union([publicURL.origin].compactMap(\.self)),
            trustedProxies: trustedProxies, rateLimits: rateLimits)
        settings.frameAncestors = pages
        settings.times.idle = keepAlive
        settings.readsPlainCalls = relayReader == .plain
        settings.capacity.fastPath = RelayCalls.limit
        return settings
    }

    private static func hosts(_ text: String) throws(SettingsReader.Unfit) -> Set<String> {
        // A name with a dot at its end is the same name, fully qualified.
        let hosts = try SettingsReader.items(text).map { $0.hasByteSuffix(".") ? String($0.dropLast()) : $0 }
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
        Set(
            try SettingsReader.items(text).map { (item) throws(SettingsReader.Unfit) in
                try WebAddress.pageOrigin(item)
            })
    }
}

extension TrustedProxies {
    /// Reads the proxies and the header in which they name the client.
    fileprivate static func read(_ reader: inout SettingsReader, listen: ListenAddress?) async -> TrustedProxies? {
        let header = await reader.value(.forwardedHeader, SettingsReader.choice(ForwardedHeader.self))
        let proxies = await reader.value(.trustedProxies, proxies)
        guard let header, let (ranges, unix) = proxies else { return nil }
        var isTCP = false
        if case .tcp? = listen { isTCP = true }
        // A TCP listener has no peer on a unix socket, so the word shows a mistake about what is trusted.
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
        for item in try SettingsReader.items(text) {
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
}
