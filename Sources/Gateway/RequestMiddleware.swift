package import Core
package import Edge
import HTTPTypes
package import Hummingbird
package import Logging
package import NIOCore
import Synchronization
import Telemetry
import Tracing

/// What the router's layers know of a request.
package struct GatewayContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    package let channel: any Channel
    /// What the edge learnt of the request.
    package var received: ReceivedRequest
    let outcome = RequestOutcome()
    var id: Core.RequestID { .init(received.number) }

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        received = ReceivedRequest(
            number: RequestNumber(high: 0, low: 0), method: "", path: "", head: RequestHeadFacts(), from: .unknown,
            at: .now)
    }
}

/// The error of a handler's reply, on its way to the outermost layer: a response has no place for it.
final class RequestOutcome: Sendable {
    private let error = Mutex<BFFError?>(nil)
    var code: String? { error.withLock { $0?.code } }
    func note(_ failure: BFFError?) { if let failure { error.withLock { $0 = failure } } }
}

/// The outermost layer: names the request, puts the headers on that every answer carries, and writes its log line.
struct RequestMiddleware: RouterMiddleware {
    let logger: Logger
    /// What `OPTIONS *` is answered.
    let allowed: String
    let log: @Sendable (RequestLine) -> Void
    let crossOrigin: CrossOrigin
    /// `nil` when tracing is disabled.
    let tracing: RequestTracing?

    func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        let started = ContinuousClock.now
        let span = tracing?.begin(request, context)
        var response: Response
        do {
            response = try await InstrumentationContext.$current.withValue(span?.context) {
                try await next(request, context)
            }
        } catch let error as HTTPError where error.status == .notFound && Self.isAboutServer(request) {
            response = Response(status: .noContent, headers: [.allow: allowed])
        } catch let error as HTTPError where error.status == .notFound {
            response = noRoute(request, context)
        } catch {
            // Not the error itself: its text is not ours, and may hold what must not be logged.
            logger.error("a handler failed", metadata: ["bff.error_type": "\(type(of: error))"])
            response = failure(.internalFailure, request, context)
        }
        // Neither has a body, on any route (RFC 9110 sections 9.3.2, 15.3.5 and 15.4.5); the next answer on the
        // connection would be read as one.
        if request.method == .head || response.status == .noContent || response.status == .notModified {
            response = response.createHeadResponse()
        }
        for field in SecurityHeaders.fields where response.headers[field.name] == nil { response.headers.append(field) }
        response.headers[.xRequestID] = context.id.text
        let line = RequestLine(
            number: context.received.number, method: request.method.rawValue,
            route: context.endpointPath ?? EdgeRoute.none,
            status: response.status.code, code: context.outcome.code, duration: started.duration(to: .now),
            trace: span?.context.trace?.traceID)
        if let span { tracing?.end(span, line) }
        log(line)
        return response
    }

    /// Whether a request is for no resource, but for the server (RFC 9110 section 9.3.7).
    private static func isAboutServer(_ request: Request) -> Bool {
        request.method == .options && request.head.path == "*"
    }

    /// The answer where no path fits.
    ///
    /// A page of a listed origin can read it only if its preflight was answered well.
    private func noRoute(_ request: Request, _ context: GatewayContext) -> Response {
        if request.method == .options, request.headers[.accessControlRequestMethod] != nil,
            request.headers[.origin].flatMap(crossOrigin.index) != nil
        {
            var reply = Reply.preflight(crossOrigin, from: request.headers[.origin], methods: [.get, .post, .delete])
            reply.mark(crossOrigin, for: request.head)
            return reply.response
        }
        return failure(RouteTable.methods.contains(request.method) ? .notFound : .methodUnknown, request, context)
    }

    private func failure(_ error: BFFError, _ request: Request, _ context: GatewayContext) -> Response {
        var reply = Reply.failure(error, in: .problem, id: context.id)
        reply.mark(crossOrigin, for: request.head)
        context.outcome.note(error)
        return reply.response
    }
}

extension Reply {
    /// The answer as Hummingbird sends it.
    var response: Response {
        Response(
            status: status, headers: headers, body: stream ?? .init(byteBuffer: ByteBuffer(bytes: body)))
    }
}

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
