package import ConnectPage
package import Core
package import Edge
import HTTPTypes
package import Logging
import Networking
import Telemetry
package import Tracing

/// Every route of a listener: finds the one that a request is for, and puts on each response what all of them carry.
package struct RouteTable: RequestRouter {
    package let routes: [Route]
    /// What is decided about a request before its route is asked.
    package let edge: EdgePolicy
    private let resources: [Resource]
    private let messages: MessagePages
    private let pipeline: RequestPipeline
    private let tracing: RequestTracing?

    /// - Parameters:
    ///   - messages: Makes the pages for a customer's browser.
    ///   - now: The clock of the rate limits.
    ///   - log: Writes the access log line of each request; `nil` for the logger's own form.
    ///   - tracer: `nil` when tracing is disabled.
    package init(
        _ routes: [Route], authenticator: any Authenticator, edge settings: EdgeSettings,
        messages: MessagePages = MessagePages(),
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }, logger: Logger,
        log: (@Sendable (RequestLine) -> Void)? = nil, tracer: (any Tracer)? = nil
    ) {
        self.routes = routes
        self.messages = messages
        resources = Dictionary(grouping: routes, by: \.template).map { Resource($0, $1) }
            .sorted { $0.parameterCount < $1.parameterCount }
        edge = EdgePolicy(
            routes: routes.map {
                EdgeRoute(template: $0.template, dialect: $0.policy.dialect, isProbe: $0.policy.isProbe)
            }, settings, scriptHeaders: Self.scriptHeaders + authenticator.headers,
            fastPathBodyLimit: RoutePolicy.relay.bodyLimit ?? 0, now: now,
            page: { messages.html(.failure($0, $1), in: $2) }, log: log ?? { $0.write(to: logger) })
        pipeline = RequestPipeline(edge, authenticator, settings.capacity)
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

    // MARK: - Finding the route

    /// What a request is for.
    private enum Match {
        case route(Route, Resource, parameters: [String: String])
        /// A resource without a route for the method, or spelled in another way.
        case resource(Resource, BFFError)
        /// The server, not a resource (RFC 9110 section 9.3.7).
        case server
        case nothing(BFFError)

        var template: String {
            switch self {
            case .route(_, let resource, _), .resource(let resource, _): resource.template
            case .server, .nothing: EdgeRoute.none
            }
        }

        /// Whether pages of the listed origins may frame what it answers.
        var isFramed: Bool { if case .route(let route, _, _) = self { route.policy.isFramed } else { false } }
    }

    package func call(for received: ReceivedRequest) -> RoutedCall {
        let match = match(received)
        var policy = RoutePolicy.open
        if case .route(let route, _, _) = match { policy = route.policy }
        return RoutedCall(
            bodyLimit: policy.bodyLimit, deadline: policy.deadline, isSafe: policy.retries == .safe,
            isUpload: policy.slots == .uploads
        ) {
            await respond(to: $0, match)
        }
    }

    private func match(_ received: ReceivedRequest) -> Match {
        guard let method = HTTPRequest.Method(received.method), Self.methods.contains(method) else {
            return .nothing(.methodUnknown)
        }
        // `OPTIONS *`: the edge lets no other request without a path pass.
        if received.path.isEmpty { return .server }
        let segments = Resource.segments(of: received.path)
        for resource in resources {
            guard let parameters = resource.match(segments) else { continue }
            // `//v1` must not be another spelling of `/v1`.
            guard received.path.isPlain else { return .resource(resource, .notFound) }
            let wanted = method == .head ? .get : method
            guard let route = resource.routes.first(where: { $0.method == wanted }) else {
                return .resource(resource, .methodNotAllowed)
            }
            return .route(route, resource, parameters: parameters)
        }
        return .nothing(.notFound)
    }

    // MARK: - The response

    private func respond(to request: RoutedRequest, _ match: Match) async -> RoutedResponse {
        let started = edge.limits.now()
        let span = tracing?.begin(request)
        var made = await InstrumentationContext.$current.withValue(span?.context) { await reply(to: request, match) }
        if let message = made.message { show(message, in: &made, to: request, match) }
        let response = response(made, to: request)
        let line = RequestLine(
            number: request.received.number, method: request.received.method, route: match.template,
            status: response.status.code, code: made.failure?.code, duration: started.duration(to: edge.limits.now()),
            trace: span?.context.trace?.traceID)
        if let span { tracing?.end(span, line) }
        edge.write(line)
        return response
    }

    /// Makes the page of a reply, in the customer's language.
    private func show(
        _ message: MessagePages.Message, in reply: inout Reply, to request: RoutedRequest, _ match: Match
    ) {
        let language = request.head.customerLanguage
        reply.headers[.contentType] = "text/html; charset=utf-8"
        reply.headers[.contentLanguage] = language.rawValue
        reply.headers[.contentSecurityPolicy] = messages.contentPolicy(isFramed: match.isFramed)
        reply.body = .bytes(messages.html(message, in: language, at: match.template))
    }

    private func response(_ reply: Reply, to request: RoutedRequest) -> RoutedResponse {
        var response = RoutedResponse(status: reply.status, headers: reply.headers, body: reply.body)
        // Neither has a body, on any route (RFC 9110 sections 9.3.2, 15.3.5 and 15.4.5); the next response on the
        // connection would be read as one.
        if request.head.method == .head || reply.status == .noContent || reply.status == .notModified {
            response.body = .omitted(length: reply.body.length)
        }
        for field in SecurityHeaders.fields where response.headers[field.name] == nil { response.headers.append(field) }
        response.headers[.xRequestID] = request.id.text
        return response
    }

    private func reply(to request: RoutedRequest, _ match: Match) async -> Reply {
        switch match {
        case .route(let route, let resource, let parameters):
            var reply = await pipeline.respond(to: request, on: route, parameters)
            // A path without a route for scripts has none of their fields either, whatever it answers.
            switch route.policy.origins {
            case .listed: mark(&reply, of: resource, for: request)
            case .any: reply.headers[.accessControlAllowOrigin] = "*"
            case .none: break
            }
            return reply
        case .resource(let resource, let error):
            var reply: Reply
            if error != .methodNotAllowed || request.head.method != .options {
                reply = .failure(error, in: resource.routes[0].policy.dialect, id: request.id)
            } else {
                reply = resource.isForScripts ? preflight(request, resource.routes.map(\.method)) : Reply(.noContent)
            }
            if error == .methodNotAllowed { reply.headers[.allow] = resource.allowed }
            mark(&reply, of: resource, for: request)
            return reply
        case .server:
            var reply = Reply(.noContent)
            reply.headers[.allow] = Resource.allowed(routes.map(\.method))
            return reply
        case .nothing(let error): return replyWithoutRoute(to: request, error)
        }
    }

    private func mark(_ reply: inout Reply, of resource: Resource, for request: RoutedRequest) {
        if resource.isForScripts { reply.mark(edge.crossOrigin, for: request.head) }
    }

    /// The reply where no path fits.
    ///
    /// A page of a listed origin can read it only if its preflight was answered well.
    private func replyWithoutRoute(to request: RoutedRequest, _ error: BFFError) -> Reply {
        let head = request.head
        let isPreflight =
            head.method == .options && head.headerFields[.accessControlRequestMethod] != nil
            && head.headerFields[.origin].flatMap(edge.crossOrigin.index) != nil
        var reply =
            isPreflight
            ? preflight(request, [.get, .post, .delete]) : .failure(error, in: .problem, id: request.id)
        reply.mark(edge.crossOrigin, for: head)
        return reply
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
