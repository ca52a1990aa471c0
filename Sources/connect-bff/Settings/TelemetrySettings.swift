import Logging

/// What the service logs, in which form, and where its traces go.
struct TelemetrySettings: Sendable {
    let logLevel: Logger.Level
    let logFormat: LogFormat
    /// The OTLP address of a collector; `nil` when tracing is disabled.
    var tracesURL: String?

    enum LogFormat: String, CaseIterable { case json, text }

    /// Reads the three settings.
    static func read(_ reader: inout SettingsReader) async -> TelemetrySettings? {
        let logLevel = await reader.value(.logLevel, SettingsReader.choice(Logger.Level.self))
        let logFormat = await reader.value(.logFormat, SettingsReader.choice(LogFormat.self))
        let tracesURL = await reader.value(.tracesURL) { (text) throws(SettingsReader.Unfit) in
            try WebAddress.server(text, path: true).text
        }
        guard let logLevel, let logFormat else { return nil }
        return TelemetrySettings(logLevel: logLevel, logFormat: logFormat, tracesURL: tracesURL)
    }
}
