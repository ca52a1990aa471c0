import Core
import Flatpeak
import FoundationEssentials
import Sessions

extension SessionSettings {
    /// Reads where a session leads a customer, and how long it is kept.
    /// - Parameter version: That of Flatpeak's API; `nil` where it is not known, which is a problem of its own.
    static func read(
        _ reader: inout SettingsReader, publicURL: WebAddress?, version: FlatpeakVersion?
    ) async -> Self? {
        let apps = await apps(&reader, publicURL)
        let returnURLs = await reader.value(.returnURLs) { (text) throws(SettingsReader.Unfit) in
            try SettingsReader.items(text).map { (item) throws(SettingsReader.Unfit) in try WebAddress(item).text }
        }
        let confirmation = await confirmation(&reader, apps, version)
        let sessionLife = await reader.value(.keepSessions, duration)
        let idempotencyLife = await reader.value(.keepIdempotency) { (text) throws(SettingsReader.Unfit) in
            text == "token" ? .infinity : try duration(text)
        }
        guard let publicURL, let apps, let confirmation, let sessionLife, let idempotencyLife else { return nil }
        return Self(
            callbackURL: "\(publicURL.text)/v1/connect/callback", apps: apps, returnURLs: returnURLs ?? [],
            sessionLife: sessionLife, idempotencyLife: idempotencyLife, confirmation: confirmation)
    }

    /// How a session is confirmed.
    private enum Confirmation: String, CaseIterable { case off, code }
    private enum Switch: String, CaseIterable { case on, off }

    /// Reads which sessions need a confirmation, and names the apps whose sessions cannot have one.
    private static func confirmation(
        _ reader: inout SettingsReader, _ apps: [ConnectApp]?, _ version: FlatpeakVersion?
    ) async -> ConfirmationRule? {
        let way = await reader.value(.confirm, SettingsReader.choice(Confirmation.self))
        let optional = await reader.value(.confirmOptional, SettingsReader.choice(Switch.self))
        guard let way, let optional else { return nil }
        guard way == .code else {
            if optional == .on { reader.complain(.confirmOptional, "has no effect unless BFF_CONFIRM is code") }
            return optional == .on ? nil : .off
        }
        guard let apps else { return nil }
        guard apps.contains(where: \.isHosted) else {
            reader.complain(.confirm, "needs the hosted page, which BFF_CONNECT_PAGE turns off")
            return nil
        }
        if let version, !version.hasActions {
            let others = FlatpeakVersion.allCases.filter(\.hasActions).map(\.rawValue).joined(separator: " or ")
            reader.complain(
                .confirm,
                "is code, which FLATPEAK_VERSION=\(version.rawValue) cannot have: it has no action of a mint with which a "
                    + "location could be read again after an unconfirmed change. Set BFF_CONFIRM=off, or "
                    + "FLATPEAK_VERSION to \(others)")
            return nil
        }
        let others = apps.filter { !$0.isHosted }.map(\.name).joined(separator: ", ")
        if !others.isEmpty {
            reader.warn(
                .confirm,
                "protects sessions of the hosted page alone, and not those of these apps, which get the token: "
                    + others)
        }
        return optional == .on ? .optional : .required
    }

    /// Whether the hosted Connect page is there.
    private enum HostedPage: String, CaseIterable { case on, off }

    /// Reads the frontends: the listed ones, and the hosted page as the last of them.
    private static func apps(_ reader: inout SettingsReader, _ publicURL: WebAddress?) async -> [ConnectApp]? {
        let page = await reader.value(.connectPage, SettingsReader.choice(HostedPage.self))
        let listed = await reader.value(.connectApps, apps)
        let isListed = await reader.isGiven(.connectApps)
        guard let page, let publicURL, listed != nil || !isListed else { return nil }
        switch page {
        case .on:
            guard listed?.contains(where: { $0.name == ConnectApp.hostedName }) != true else {
                reader.complain(
                    .connectApps,
                    "names \(ConnectApp.hostedName), which is the hosted page; choose another name, or set "
                        + "BFF_CONNECT_PAGE=off")
                return nil
            }
            return (listed ?? []) + [ConnectApp(hostedAt: publicURL.text)]
        case .off:
            if listed == nil { reader.complain(.connectApps, "is required where BFF_CONNECT_PAGE is off") }
            return listed
        }
    }

    private static func apps(_ text: String) throws(SettingsReader.Unfit) -> [ConnectApp] {
        var apps: [ConnectApp] = []
        for item in try SettingsReader.items(text) {
            let parts = item.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, parts[0].utf8.allSatisfy(\.isWordByte) else {
                throw .init("must be name=address items")
            }
            guard !apps.contains(where: { $0.name == parts[0] }) else { throw .init("names \(parts[0]) twice") }
            apps.append(ConnectApp(name: parts[0], url: try WebAddress(parts[1]).text))
        }
        return apps
    }

    /// `90d`, `12h` or `30m`, in seconds.
    private static func duration(_ text: String) throws(SettingsReader.Unfit) -> TimeInterval {
        let units: [Character: Double] = ["m": 60, "h": 3600, "d": 86400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int(text.dropLast()),
            (1...100_000).contains(count)
        else { throw .init("must be a number and a unit such as 30m, 12h or 90d") }
        return Double(count) * unit
    }
}
