import Core
import Edge
import HTTPTypes
import Tracing

/// Gives each request of the router's a span, and takes the word of the integrator's own backend about its trace.
struct RequestTracing: Sendable {
    let tracer: any Tracer
    let authenticator: any Authenticator

    /// Begins a trace, or goes on with that of a proven backend; no other word is taken (W3C Trace Context,
    /// section 3.4: restart).
    func begin(_ request: RoutedRequest) -> any Tracing.Span {
        var parent = InstrumentationContext.topLevel
        let fields = request.head.headerFields
        if fields[.traceParent] != nil,
            authenticator.isOwnBackend(Caller(head: request.head, peer: request.received.peer))
        {
            tracer.extract(fields, into: &parent, using: FieldExtractor())
        }
        let span = tracer.startSpan("request", context: parent, ofKind: .server)
        span.attributes["bff.request"] = request.id.text
        return span
    }

    /// - Parameter line: What is written down of the request.
    func end(_ span: any Tracing.Span, _ line: RequestLine) {
        // Anybody can make up a method; a name of a span is from a list.
        let method = RouteTable.methods.contains { $0.rawValue == line.method } ? line.method : "_OTHER"
        span.operationName = "\(method) \(line.route)"
        span.end(answering: line)
    }

    /// Takes a field that has one value; two could be read in two ways.
    private struct FieldExtractor: Extractor {
        func extract(key: String, from fields: HTTPFields) -> String? {
            guard let name = HTTPField.Name(key) else { return nil }
            let values = fields[values: name]
            return values.count == 1 ? values.first : nil
        }
    }
}
