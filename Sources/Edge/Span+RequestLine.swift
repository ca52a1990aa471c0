package import Core
package import Tracing

extension Tracing.Span {
    /// Ends the span of a request with what its line in the log says.
    package func end(answering line: RequestLine) {
        attributes["http.route"] = line.route
        attributes["http.response.status_code"] = line.status
        if let code = line.code { attributes["error.type"] = code }
        if line.status >= 500 { setStatus(SpanStatus(code: .error)) }
        end()
    }
}
