package import Core
package import Edge
import HTTPTypes
package import Logging
package import Networking
import Telemetry
package import Tracing

/// Every route of a listener: finds the one that a request is for, and puts on each response what all of them carry.
package struct RouteTable: RequestRouter {
    package let routes: [Route]
    /// What is decided about a request before its route is asked.
    package let edge: EdgePolicy
    private let resources: [Resource]
    private let pipeline: RequestPipeline
    private let tracing: RequestTracing?

    /// - Parameters:
    ///   - clock: Of rate limits and deadlines.
    ///   - log: Writes the access log line of each request; `nil` for the logger's own form.
    ///   - tracer: `nil` when tracing is disabled.
    package init(
        _ routes: [Route], authenticator: any Authenticator, edge settings: EdgeSettings,
        clock: ServiceClock = .real, logger: Logger,
        log: (@Sendable (RequestLine) -> Void)? = nil, tracer: (any Tracer)? = nil
    ) {
        self.routes = routes
        resources = Dictionary(grouping: routes, by: \.template).map { Resource($0, $1) }
            .sorted { $0.parameterCount < $1.parameterCount }
        edge = EdgePolicy(
            routes: routes.map {
                EdgeRoute(template: $0.template, dialect: $0.policy.dialect, isProbe: $0.policy.isProbe)
            }, settings, scriptHeaders: Self.scriptHeaders + authenticator.headers,
            fastPathBodyLimit: RoutePolicy.relay.bodyLimit ?? 0, now: clock.now, log: log ?? { $0.write(to: logger) })
        pipeline = RequestPipeline(edge, authenticator, settings.capacity, clock)
        tracing = tracer.map { RequestTracing(tracer: $0, authenticator: authenticator) }
    }

    /// What scripts of listed origins may send besides the headers of an authenticator.
    ///
    /// These are the headers that `openapi.yaml` has for routes of scripts; `ContractTests` holds the two together.
    static let scriptHeaders: [HTTPField.Name] = [
        .contentType, .authorization, .acceptLanguage, .idempotencyKey, .lastEventID,
    ]

    /// Requests that have a slot at this moment, and those that wait for one.
    package var load: (inFlight: Int, waiting: Int) {
        let relays = edge.fastPathSlots.load, others = pipeline.load
        return (relays.inFlight + others.inFlight, relays.waiting + others.waiting)
    }

    /// Methods that every path answers, so that an unused one is a 405 and not a 404.
    static let methods: [HTTPRequest.Method] =
        [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect]
        + [HTTPRequest.Method("QUERY")].compactMap(\.self)

    package func respond(to request: RoutedRequest) async -> RoutedResponse {
        let started = edge.limits.now()
        let span = tracing?.begin(request)
        let (template, reply) = await InstrumentationContext.$current.withValue(span?.context) {
            await route(request)
        }
        let response = response(reply, to: request)
        let line = RequestLine(
            number: request.received.number, method: request.head.method.rawValue, route: template,
            status: response.status.code, code: reply.failure?.code, duration: started.duration(to: edge.limits.now()),
            trace: span?.context.trace?.traceID)
        if let span { tracing?.end(span, line) }
        edge.write(line)
        return response
    }

    private func response(_ reply: Reply, to request: RoutedRequest) -> RoutedResponse {
        var response = RoutedResponse(status: reply.status, headers: reply.headers, body: reply.body)
        // Neither has a body, on any route (RFC 9110 sections 9.3.2, 15.3.5 and 15.4.5); the next response on the
        // connection would be read as one.
        if request.head.method == .head || reply.status == .noContent || reply.status == .notModified {
            if case .bytes(let bytes) = reply.body { response.body = .omitted(length: bytes.count) }
            if case .stream = reply.body { response.body = .omitted(length: nil) }
        }
        for field in SecurityHeaders.fields where response.headers[field.name] == nil { response.headers.append(field) }
        response.headers[.xRequestID] = request.id.text
        return response
    }

    // MARK: - Finding the route

    private func route(_ request: RoutedRequest) async -> (template: String, Reply) {
        // `OPTIONS *` is about no resource, but about the server (RFC 9110 section 9.3.7).
        if request.head.method == .options, request.head.path == "*" {
            var reply = Reply(.noContent)
            reply.headers[.allow] = Resource.allowed(routes.map(\.method))
            return (EdgeRoute.none, reply)
        }
        if Self.methods.contains(request.head.method) {
            let segments = Resource.segments(of: request.received.path)
            for resource in resources {
                if let parameters = resource.match(segments) {
                    return (resource.template, await reply(to: request, for: resource, parameters))
                }
            }
        }
        return (EdgeRoute.none, replyWithoutRoute(to: request))
    }

    private func reply(
        to request: RoutedRequest, for resource: Resource, _ parameters: [String: String]
    ) async -> Reply {
        let method = request.head.method == .head ? .get : request.head.method
        var reply: Reply
        if !request.received.path.isPlain {
            // `//v1` must not be another spelling of `/v1`.
            reply = failure(.notFound, for: resource, request)
        } else if let route = resource.routes.first(where: { $0.method == method }) {
            reply = await pipeline.respond(to: request, on: route, parameters)
            guard route.policy.origins == .listed else { return reply }
        } else {
            if method == .options {
                reply = resource.isForScripts ? preflight(request, resource.routes.map(\.method)) : Reply(.noContent)
            } else {
                reply = failure(.methodNotAllowed, for: resource, request)
            }
            reply.headers[.allow] = resource.allowed
        }
        // A path without a route for scripts has none of their fields either, whatever it answers.
        if resource.isForScripts { reply.mark(edge.crossOrigin, for: request.head) }
        return reply
    }

    /// The reply where no path fits.
    ///
    /// A page of a listed origin can read it only if its preflight was answered well.
    private func replyWithoutRoute(to request: RoutedRequest) -> Reply {
        let head = request.head
        var reply: Reply
        if head.method == .options, head.headerFields[.accessControlRequestMethod] != nil,
            head.headerFields[.origin].flatMap(edge.crossOrigin.index) != nil
        {
            reply = preflight(request, [.get, .post, .delete])
        } else {
            reply = .failure(
                Self.methods.contains(head.method) ? .notFound : .methodUnknown, in: .problem, id: request.id)
        }
        reply.mark(edge.crossOrigin, for: head)
        return reply
    }

    private func failure(_ error: BFFError, for resource: Resource, _ request: RoutedRequest) -> Reply {
        .failure(error, in: resource.routes[0].policy.dialect, id: request.id)
    }

    private func preflight(_ request: RoutedRequest, _ methods: [HTTPRequest.Method]) -> Reply {
        .preflight(edge.crossOrigin, from: request.head.headerFields[.origin], methods: methods)
    }
}

extension String {
    /// A path in its one plain spelling: no empty segment, no slash at the end, nothing percent-encoded, nothing but
    /// ASCII.
    fileprivate var isPlain: Bool {
        let segments = splitBytes(at: "/")
        return equalsBytes(of: "/")
            || (segments.count > 1 && segments[0].isEmpty && segments.dropFirst().allSatisfy { !$0.isEmpty }
                && utf8.allSatisfy { $0 < 0x80 && $0 != UInt8(ascii: "%") })
    }
}
