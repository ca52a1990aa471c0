import Core
import Gateway
import Glibc
import Logging

/// The log of a running service: lines on standard error in one of two formats, written by a thread of its own.
struct ServiceLog: Sendable {
    let logger: Logger
    /// Adds the line of a request, if requests are logged at its level.
    let addRequest: @Sendable (RequestLine) -> Void
    /// Writes everything that is buffered; returns after half a second if nothing reads standard error.
    let flush: @Sendable () -> Void
    /// Flushes the buffer until cancelled; `nil` for a format that is not buffered.
    let background: BackgroundWork?

    init(_ settings: TelemetrySettings) {
        // A log whose reader has gone costs lines, not the process.
        signal(SIGPIPE, SIG_IGN)
        let isColoured = StandardStream.errorIsTerminal
        let level = settings.logLevel
        var logger: Logger
        switch settings.logFormat {
        case .json:
            let writer = LogWriter(to: STDERR_FILENO) { JSONLog.dropped($0) }
            let log = JSONLog(write: writer.add)
            logger = Logger(label: "connect-bff") { _ in JSONLogHandler(log) }
            addRequest = { line in if line.level >= level { log.add(line) } }
            flush = {
                log.flush()
                writer.finish()
            }
            background = BackgroundWork("log") {
                // Short enough that a reader of the log does not notice.
                while (try? await Task.sleep(for: .milliseconds(500))) != nil { log.flush() }
            }
        case .text:
            let writer = LogWriter(to: STDERR_FILENO) { TextLog(isColoured: isColoured, write: { _ in }).dropped($0) }
            let log = TextLog(isColoured: isColoured) { writer.add(Array($0.utf8)) }
            logger = Logger(label: "connect-bff") { _ in TextLogHandler(log) }
            addRequest = { line in if line.level >= level { log.add(line) } }
            flush = { writer.finish() }
            background = nil
        }
        logger.logLevel = level
        self.logger = logger
    }
}
