import ConnectPage
import Edge
import Flatpeak
import Sessions

/// All settings, checked: there is no value of this type that the service cannot run with.
///
/// Each setting is read in the group that uses it, next to that group's type.
struct Settings: Sendable {
    let service: ServiceConfiguration
    let publicURL: WebAddress
    let warnings: [String]

    /// What is wrong with the settings, one line each, without the value of any secret.
    struct Invalid: Error {
        let problems: [String]
        /// Possible causes, such as misspelt names.
        var warnings: [String] = []
    }

    /// Reads the environment and, with lower precedence, a YAML file.
    static func read(environment: [String: String], file: String?) async throws(Invalid) -> Settings {
        try await SettingsSource(environment: environment, file: file).read(read)
    }

    private static func read(_ reader: inout SettingsReader) async -> Settings? {
        let publicURL = await reader.value(.publicURL) { (text) throws(SettingsReader.Unfit) in
            try WebAddress.server(text, path: true)
        }
        let flatpeak = await FlatpeakClient.Settings.read(&reader, publicURL: publicURL)
        let listeners = await ListenerSettings.read(&reader)
        let sessions = await SessionSettings.read(
            &reader, publicURL: publicURL, version: flatpeak?.version)
        let brand = await BrandSettings.read(&reader)
        let edge = await EdgeSettings.read(
            &reader, publicURL: publicURL, apps: sessions?.apps ?? [], listen: listeners?.address)
        let authentication = await Authentication.read(&reader)
        let store = await StoreSettings.read(&reader)
        let events = await EventSettings.read(&reader)
        let telemetry = await TelemetrySettings.read(&reader)
        guard let publicURL, let flatpeak, let listeners, let sessions, let edge, let authentication, let store,
            let telemetry
        else { return nil }
        return Settings(
            service: ServiceConfiguration(
                flatpeak: flatpeak, sessions: sessions, brand: brand, listeners: listeners, edge: edge,
                authentication: authentication, store: store, events: events, telemetry: telemetry),
            publicURL: publicURL, warnings: reader.warnings)
    }
}
