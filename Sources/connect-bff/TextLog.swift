import Core
import Gateway
import Logging

/// Log lines for people, on a terminal or in a journal.
struct TextLog: Sendable {
    let isColoured: Bool
    /// The wall clock, as seconds since 1970 and milliseconds.
    var now: @Sendable () -> (seconds: Int, milliseconds: Int) = JSONLog.wallClock
    let write: @Sendable (String) -> Void

    func add(_ level: Logger.Level, _ message: String, _ fields: [(name: String, value: String)]) {
        write(line(level, message, fields))
    }

    /// A line that reports dropped lines, for a reader that had stopped.
    func dropped(_ count: Int) -> [UInt8] {
        Array(line(.warning, "log lines dropped", [(name: "count", value: "\(count)")]).utf8)
    }

    private func line(
        _ level: Logger.Level, _ message: String, _ fields: [(name: String, value: String)]
    ) -> String {
        let (seconds, milliseconds) = now()
        let clock = CivilTime(secondsSince1970: seconds).timestamp.dropFirst(11)
        let time = paint("\(clock).\("\(1000 + milliseconds)".dropFirst())Z", .dim)
        let name = level.rawValue + String(repeating: " ", count: max(0, 8 - level.rawValue.count))
        let shown = fields.map { field in "\(paint("\(Self.safe(field.name))=", .dim))\(Self.safe(field.value))" }
        return ([time, paint(name, Paint(level)), Self.safe(message)] + shown).joined(separator: " ") + "\n"
    }

    /// Adds the line of a request.
    func add(_ request: RequestLine) {
        add(
            request.level, "\(request.method) \(request.route) \(request.status) in \(request.milliseconds) ms",
            (request.code.map { [(name: "code", value: $0)] } ?? []) + [
                (name: "request", value: RequestID(request.number).text)
            ] + (request.trace.map { [(name: "trace", value: $0)] } ?? [])
                + (request.upstreamRequest.map { [(name: "upstream_request", value: $0)] } ?? []))
    }

    /// Masks connect tokens and escapes control characters, so that no text can forge a line or control a terminal.
    private static func safe(_ text: String) -> String {
        let text = ConnectToken.masked(text)
        let isOdd = { (scalar: Unicode.Scalar) in
            scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) || scalar.value == 0x2028
                || scalar.value == 0x2029
        }
        guard text.unicodeScalars.contains(where: isOdd) else { return text }
        return text.unicodeScalars.map { isOdd($0) ? "\\u{\(String($0.value, radix: 16))}" : String($0) }.joined()
    }

    // MARK: - Colour

    /// Colours of ECMA-48, by their number.
    private enum Paint: Int {
        case plain = 0
        case dim = 2
        case red = 31
        case green = 32
        case yellow = 33

        init(_ level: Logger.Level) {
            self =
                switch level {
                case .trace, .debug: .dim
                case .info: .green
                case .notice: .plain
                case .warning: .yellow
                case .error, .critical: .red
                }
        }
    }

    private func paint(_ text: String, _ paint: Paint) -> String {
        isColoured && paint != .plain ? "\u{1B}[\(paint.rawValue)m\(text)\u{1B}[0m" : text
    }
}

/// Writes each log event as one line for people.
struct TextLogHandler: LogHandler {
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider? = .trace
    let log: TextLog

    init(_ log: TextLog) {
        self.log = log
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        // The prefix is for machines that read the logs of many programs.
        let fields = values(of: event).map { key, value in
            (name: key.hasPrefix("bff.") ? String(key.dropFirst(4)) : key, value: "\(value)")
        }
        log.add(event.level, "\(event.message)", fields.sorted { $0.name < $1.name })
    }
}
