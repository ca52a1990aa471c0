import Core
import Edge
import NIOCore
import Telemetry
import Tracing

/// The spans of one relayed call: the client's request, and in it the call to Flatpeak, which may outlive it.
///
/// There is none when tracing is disabled; a call costs nothing for it then.
final class CallTrace {
    /// As log lines have it.
    let id: String?
    private let request: any Tracing.Span
    private let call: any Tracing.Span
    private let tracer: any Tracer

    /// Begins a trace of our own, whatever the client said of one (W3C Trace Context, section 3.4: restart).
    init(_ tracer: any Tracer, _ method: String, _ route: String, _ number: RequestNumber) {
        self.tracer = tracer
        request = tracer.startSpan("\(method) \(route)", context: .topLevel, ofKind: .server)
        request.attributes["bff.request"] = RequestID(number).text
        call = tracer.startSpan("flatpeak.relay", context: request.context, ofKind: .client)
        id = request.context.trace?.traceID
    }

    /// Writes the trace's header field into the head of the call.
    func write(into head: inout ByteBuffer) {
        tracer.inject(call.context, into: &head, using: LineInjector())
    }

    /// - Parameter status: 0 when there was no answer.
    func callEnded(_ status: Int) {
        if status > 0 { call.attributes["http.response.status_code"] = status }
        if status == 0 || status >= 500 { call.setStatus(SpanStatus(code: .error)) }
        call.end()
    }

    func requestEnded(_ line: RequestLine) {
        request.end(answering: line)
    }

    private struct LineInjector: Injector {
        func inject(_ value: String, forKey key: String, into head: inout ByteBuffer) {
            head.writeString("\(key): \(value)\r\n")
        }
    }
}
