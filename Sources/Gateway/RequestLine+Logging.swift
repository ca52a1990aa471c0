package import Core
package import Logging

extension RequestLine {
    /// The line as an event of a logger.
    package func write(to logger: Logger) {
        var metadata: Logger.Metadata = [
            "bff.request": "\(RequestID(number))", "http.method": "\(method)", "http.route": "\(route)",
            "http.status": "\(status)", "bff.milliseconds": "\(milliseconds)",
        ]
        if let code { metadata["bff.code"] = "\(code)" }
        if let trace { metadata["bff.trace"] = "\(trace)" }
        if let upstreamRequest { metadata["bff.upstream_request"] = "\(upstreamRequest)" }
        logger.log(level: level, "request", metadata: metadata)
    }

    /// The level at which the line is logged.
    package var level: Logger.Level {
        switch weight {
        case .usual: .info
        case .trouble: .warning
        case .failure: .error
        }
    }
}
