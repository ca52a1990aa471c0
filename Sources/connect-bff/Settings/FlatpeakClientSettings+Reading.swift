import Core
import Flatpeak
import Networking

extension FlatpeakClient.Settings {
    /// Reads the settings for calls to Flatpeak.
    /// - Parameter publicURL: The service's own address, which no upstream may have.
    static func read(_ reader: inout SettingsReader, publicURL: WebAddress?) async -> Self? {
        let credentials = await Credentials.read(&reader)
        let apiURL = await reader.value(.apiURL) { (text) throws(SettingsReader.Unfit) in try WebAddress.server(text) }
        let connectURL = await reader.value(.connectURL) { (text) throws(SettingsReader.Unfit) in
            try WebAddress.server(text)
        }
        let version = await reader.value(.version, SettingsReader.choice(FlatpeakVersion.self))
        if let version, version.isPreview {
            reader.warn(
                .version,
                "is \(version.rawValue), a preview: Flatpeak's documents of it are incomplete (docs/upgrade-flatpeak.md)"
            )
        }
        let mode = await reader.value(.mode, SettingsReader.choice(FlatpeakMode.self))
        let certificateAuthorities = await reader.value(.certificateAuthorities) {
            (path) throws(SettingsReader.Unfit) in
            let certificates = try SettingsReader.guarded(path, called: path).bytes
            guard HTTPTransport.holdsCertificate(certificates) else {
                throw .init("\(path) holds no certificate in PEM")
            }
            return certificates
        }
        for (setting, upstream) in [(Setting.apiURL, apiURL), (.connectURL, connectURL)] {
            guard let upstream, let publicURL, upstream.origin == publicURL.origin else { continue }
            reader.complain(
                setting,
                "is this service's own BFF_PUBLIC_URL; it must name Flatpeak. The web app's address is set "
                    + "in the web app, as CONNECT_API_URL")
        }
        guard let credentials, let apiURL, let connectURL, let version else { return nil }
        return Self(
            apiURL: apiURL.text, connectURL: connectURL.text, logosURL: logosURL(beside: connectURL),
            credentials: credentials, version: version, mode: mode, certificateAuthorities: certificateAuthorities)
    }

    /// Flatpeak's host of provider logos (upstream.md §0).
    ///
    /// Beside another Connect host, such as a sandbox or a gateway, it is that host: whoever set it expects no calls
    /// elsewhere.
    static func logosURL(beside connect: WebAddress) -> String {
        connect.scheme == "https" && connect.host.hasSuffix(".flatpeak.com") ? "https://s.flatpeak.com" : connect.text
    }
}

extension Credentials {
    /// Reads the account id and the API keys.
    static func read(_ reader: inout SettingsReader) async -> Self? {
        let account = await reader.secret(.accountID)
        let key = await reader.secret(.apiKey)
        let next = await reader.secret(.nextAPIKey)
        guard let account, let key else { return nil }
        return Self(account: account, keys: [key] + (next.map { [$0] } ?? []))
    }
}
