import Logging
import Telemetry
import Tracing

/// Writes each log event as one line of JSON.
struct JSONLogHandler: LogHandler {
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider? = .trace
    private let log: JSONLog

    init(_ log: JSONLog) {
        self.log = log
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = values(of: event).mapValues { "\($0)" }
        fields["level"] = event.level.rawValue
        fields["message"] = "\(event.message)"
        // That of the line is its own.
        fields["time"] = nil
        log.add(isUrgent: event.level >= .warning) { line in
            for (name, value) in fields.sorted(by: { $0.key < $1.key }) { line.add(name, value) }
        }
    }
}

extension Logger.MetadataProvider {
    /// The id of the trace to which the current work belongs, where there is one.
    static let trace = Logger.MetadataProvider {
        InstrumentationContext.current?.trace.map { ["bff.trace": "\($0.traceID)"] } ?? [:]
    }
}

extension LogHandler {
    /// The metadata of the handler, of the task and of the event; what is nearer to the event wins.
    func values(of event: LogEvent) -> Logger.Metadata {
        var values = metadata
        values.merge(metadataProvider?.get() ?? [:]) { _, new in new }
        values.merge(event.metadata ?? [:]) { _, new in new }
        return values
    }
}
