import Core
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Relay

/// What the edge knows of a request.
struct EdgeContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    var id = RequestID(RequestNumber(high: 0, low: 0))

    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

/// The outermost layer: names the request, puts the headers on that every answer carries, and writes its log line.
struct Edge: RouterMiddleware {
    let randomBytes: @Sendable (Int) -> [UInt8]
    let logger: Logger
    let log: @Sendable (RequestLine) -> Void

    /// In the place of a template, where no route was found.
    static let noRoute = "NotFound"

    func handle(
        _ request: Request, context: EdgeContext, next: @concurrent (Request, EdgeContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        let number = RequestNumber(random: randomBytes(12))
        context.id = RequestID(number)
        let started = ContinuousClock.now
        var response: Response
        do {
            response = try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            let error: BFFError = RouteTable.methods.contains(request.method) ? .notFound : .methodUnknown
            response = Reply.failure(error, in: .problem, id: context.id).response
        } catch {
            // Not the error itself: its text is not ours, and may hold what must not be logged.
            logger.error("a handler failed", metadata: ["bff.error_type": "\(type(of: error))"])
            response = Reply.failure(.internalFailure, in: .problem, id: context.id).response
        }
        for field in Self.fields where response.headers[field.name] == nil { response.headers.append(field) }
        response.headers[.xRequestID] = context.id.text
        log(
            RequestLine(
                number: number, method: request.method.rawValue, route: context.endpointPath ?? Self.noRoute,
                status: response.status.code, milliseconds: started.duration(to: .now).milliseconds))
        return response
    }

    /// On every answer, unless a handler said otherwise: nothing is sniffed, framed, cached or told to a next page.
    static let fields: HTTPFields = [
        .xContentTypeOptions: "nosniff",
        .contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
        .referrerPolicy: "no-referrer",
        .crossOriginResourcePolicy: "same-origin",
        .cacheControl: "no-store",
    ]
}

extension Reply {
    /// The answer as Hummingbird sends it.
    var response: Response {
        Response(
            status: status, headers: headers, body: stream ?? .init(byteBuffer: ByteBuffer(bytes: body)))
    }
}

extension HTTPField.Name {
    static let xRequestID = HTTPField.Name("X-Request-Id") ?? .via
    static let referrerPolicy = HTTPField.Name("Referrer-Policy") ?? .via
}

extension RequestLine {
    /// The line as an event of a logger.
    func write(to logger: Logger) {
        logger.info(
            "request",
            metadata: [
                "bff.request": "\(RequestID(number))", "http.method": "\(method)", "http.route": "\(route)",
                "http.status": "\(status)", "bff.milliseconds": "\(milliseconds)",
            ])
    }
}
