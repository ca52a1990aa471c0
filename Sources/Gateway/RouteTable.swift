package import Core
package import Edge
import HTTPTypes
package import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import Resilience
package import Tracing
import Wire

/// Every route there is, and the one way in which a request reaches a handler.
package struct RouteTable: Sendable {
    package let routes: [Route]
    private let logger: Logger
    private let authenticator: any Authenticator
    /// What is decided about a request before its route is asked.
    package let edge: EdgePolicy
    /// Of the router's requests in flight.
    private let slots: AdmissionControl
    /// Of Flatpeak's deliveries: however many come, users find their slots free, and a body of 256 KiB is held for each
    /// of these at most.
    private let deliverySlots = AdmissionControl(256, timeout: .zero)
    private let tracing: RequestTracing?

    /// How many requests may be under way at a time, so that those accepted keep their pace.
    package struct Capacity: Sendable {
        /// Relayed calls; as many as may go on to Flatpeak.
        package var relays: Int
        package var others: Int

        package init(relays: Int = 1024, others: Int = 256) {
            self.relays = relays
            self.others = others
        }
    }

    /// - Parameters:
    ///   - origins: The origins whose scripts may read answers.
    ///   - limits: How often a subject may mint, and an address may call.
    ///   - proxies: Whose word about a client's address is taken.
    ///   - hosts: The names under which the service is reached, in lower case and without a port; empty for any.
    ///   - log: Takes a line for each request; nil for the logger's own form.
    ///   - tracer: `nil` when tracing is disabled.
    ///   - capacity: Requests that may be in flight at a time. A quarter as many may wait for a slot; more are refused
    ///     at once.
    ///   - timeout: How long a request may wait for a slot.
    package init(
        _ routes: [Route], authenticator: any Authenticator, origins: Set<String>, limits: RequestLimits,
        proxies: TrustedProxies, hosts: Set<String> = [], capacity: Capacity = Capacity(),
        timeout: Duration = .milliseconds(100),
        logger: Logger, log: (@Sendable (RequestLine) -> Void)? = nil, tracer: (any Tracer)? = nil
    ) {
        self.routes = routes
        self.authenticator = authenticator
        self.logger = logger
        tracing = tracer.map { RequestTracing(tracer: $0, authenticator: authenticator) }
        slots = AdmissionControl(capacity.others, shares: Self.userShares, timeout: timeout)
        edge = EdgePolicy(
            routes: routes.map {
                EdgeRoute(template: $0.template, dialect: $0.policy.dialect, isProbe: $0.policy.isProbe)
            }, crossOrigin: CrossOrigin(origins: origins, headers: Self.scriptHeaders + authenticator.headers),
            fastPathSlots: AdmissionControl(capacity.relays, timeout: timeout),
            fastPathBodyLimit: RoutePolicy.relay.bodyLimit ?? 0, limits: limits, proxies: proxies, hosts: hosts,
            log: log ?? { $0.write(to: logger) })
    }

    /// What scripts of listed origins may send besides the headers of an authenticator.
    ///
    /// These are the headers that `openapi.yaml` has for routes of scripts; `ContractTests` holds the two together.
    static let scriptHeaders: [HTTPField.Name] = [
        .contentType, .authorization, .acceptLanguage, .idempotencyKey, .lastEventID,
    ]

    /// One user may have an eighth of the slots and of the queue.
    private static let userShares = 8

    /// Requests in flight, and requests that wait for a slot.
    package var load: (inFlight: Int, waiting: Int) {
        let relays = edge.fastPathSlots.load, others = slots.load
        return (relays.inFlight + others.inFlight, relays.waiting + others.waiting)
    }

    /// Methods that get an answer of ours on every path, so that an unused one is a 405 and not a 404.
    static let methods: [HTTPRequest.Method] =
        [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect]
        + [HTTPRequest.Method("QUERY")].compactMap(\.self)

    /// Answers requests of a connection by way of ``router()``.
    /// - Parameter secondsSince1970: The wall clock, for the `Date` of responses.
    func responder(secondsSince1970: @escaping @Sendable () -> Int) -> RequestResponder {
        let quiet = logger.forHummingbird
        let router = router().buildResponder()
        return { request, received, writer, channel in
            var context = GatewayContext(source: .init(channel: channel, logger: quiet))
            context.received = received
            var response = try await router.respond(to: request, context: context)
            response.headers[.date] = CivilTime(secondsSince1970: secondsSince1970()).httpDate
            try await writer.write(response: response.head, body: response.body)
        }
    }

    /// Hummingbird's router with this table in it.
    package func router() -> Router<GatewayContext> {
        let router = Router(context: GatewayContext.self)
        router.add(
            middleware: RequestMiddleware(
                logger: logger, allowed: Self.allowed(routes.map(\.method)), log: edge.write,
                crossOrigin: edge.crossOrigin,
                tracing: tracing))
        for (template, routes) in Dictionary(grouping: routes, by: \.template) {
            for method in Self.methods {
                router.on(RouterPath(template), method: method) { request, context in
                    let reply = await answer(request, context, among: routes)
                    context.outcome.note(reply.failure)
                    return reply.response
                }
            }
        }
        return router
    }

    private func answer(_ request: Request, _ context: GatewayContext, among routes: [Route]) async -> Reply {
        // A path without a route for scripts has none of their fields either, whatever it answers.
        let isForScripts = routes.contains { $0.policy.origins == .listed }
        // The router drops empty segments; `//v1` must not be another spelling of `/v1`.
        guard request.uri.path.isPlain else {
            var reply = Reply.failure(.notFound, in: routes[0].policy.dialect, id: context.id)
            if isForScripts { reply.mark(edge.crossOrigin, for: request.head) }
            return reply
        }
        let method = request.method == .head ? .get : request.method
        if let route = routes.first(where: { $0.method == method }) {
            var reply = await reply(of: route, to: request, context)
            if route.policy.origins == .listed { reply.mark(edge.crossOrigin, for: request.head) }
            return reply
        }
        var reply = Reply(.noContent)
        if method == .options, isForScripts {
            reply = .preflight(
                edge.crossOrigin, from: request.head.headerFields[.origin], methods: routes.map(\.method))
        } else if method != .options {
            reply = .failure(.methodNotAllowed, in: routes[0].policy.dialect, id: context.id)
        }
        if isForScripts { reply.mark(edge.crossOrigin, for: request.head) }
        reply.headers[.allow] = Self.allowed(routes.map(\.method))
        return reply
    }

    /// What a resource with these methods answers, for `Allow` (RFC 9110 section 10.2.1).
    static func allowed(_ methods: [HTTPRequest.Method]) -> String {
        let answered = Set(methods + [.options] + (methods.contains(.get) ? [.head] : []))
        return answered.map(\.rawValue).sorted().joined(separator: ", ")
    }

    private func reply(of route: Route, to request: Request, _ context: GatewayContext) async -> Reply {
        let received = context.received
        let caller = Caller(head: request.head, peer: received.peer)
        let client = edge.client(of: received)
        var mintVerdict: RequestLimits.Verdict?
        var reply: Reply
        do throws(BFFError) {
            if route.policy.isShed {
                // Before anything is done for a request that could only be refused in the end.
                if slots.isFull { throw .overloaded }
                try edge.admitAddress(of: received, at: edge.limits.now())
            }
            switch route.handler {
            case .user(let handle):
                try admit(route, received, provesSender: authenticator.provesSender(caller))
                // Before the body is read: a stranger gets nothing done.
                let subject = try await authenticator.subject(of: caller)
                if route.policy.limit == .mint {
                    mintVerdict = edge.limits.takeMint(subject)
                    try mintVerdict?.pass()
                }
                let exchange = try await exchange(route, request, context, from: client)
                reply = try await inSlot(route, of: CallerKey(subject)) { () throws(BFFError) in
                    try await answer(to: exchange, of: subject, route, handle, context)
                }
            case .connectTokenHolder:
                try admit(route, received, provesSender: true)
                // The fast path takes every spelling of its paths that means them.
                throw .notFound
            case .flatpeak(let check, let handle):
                reply = try await delivery(from: edge.address(of: received)) { () throws(BFFError) in
                    try check(request.head)
                    let exchange = try await exchange(route, request, context, from: client)
                    guard deliverySlots.tryAcquire() else { throw .overloaded }
                    defer { deliverySlots.release() }
                    return try await handle(exchange)
                }
            case .anyone(let handle):
                let exchange = try await exchange(route, request, context, from: client)
                reply = try await inSlot(route, of: client) { () throws(BFFError) in try await handle(exchange) }
            }
        } catch {
            reply = .failure(error, in: route.policy.dialect, id: context.id)
            if error.status == 401 { reply.challenge(challenges(of: route, to: caller)) }
        }
        if let mintVerdict { reply.mark(mintVerdict) }
        for field in edge.strictTransport(for: received) { reply.headers.append(field) }
        return reply
    }

    private func challenges(of route: Route, to caller: Caller) -> [String] {
        if case .flatpeak = route.handler { return [AuthenticationScheme.flatpeakSignature.challenge] }
        return authenticator.challenges(to: caller)
    }

    /// Does `work` in a slot, where the route has such: it is taken when the request is whole, so that a slow client
    /// holds none.
    private func inSlot(
        _ route: Route, of caller: CallerKey, _ work: () async throws(BFFError) -> Reply
    ) async throws(BFFError) -> Reply {
        guard route.policy.isShed else { return try await work() }
        switch await slots.acquire(for: caller) {
        case .granted: break
        case .refused: throw .overloaded
        case .shareTaken: throw .rateLimited(retryAfter: 1)
        }
        defer { slots.release(caller) }
        return try await work()
    }

    /// Takes a delivery, unless too many from that address were forged.
    private func delivery(
        from address: IPAddress?, _ take: () async throws(BFFError) -> Reply
    ) async throws(BFFError) -> Reply {
        try edge.limits.admitDelivery(from: address)
        do throws(BFFError) {
            return try await take()
        } catch {
            if error == .signatureInvalid { edge.limits.countForgery(from: address) }
            throw error
        }
    }

    private func admit(_ route: Route, _ received: ReceivedRequest, provesSender: Bool) throws(BFFError) {
        guard
            route.policy.origins != .listed
                || edge.crossOrigin.admits(
                    received.head, carriesItsCredential: provesSender, isSafe: route.method == .get)
        else { throw .originNotAllowed }
    }

    /// Gives up a read whose client has left; what changes something runs to its end.
    private func answer(
        to exchange: Exchange, of subject: Subject, _ route: Route,
        _ handle: @escaping @Sendable (Exchange, Subject) async throws(BFFError) -> Reply, _ context: GatewayContext
    ) async throws(BFFError) -> Reply {
        guard route.method == .get else { return try await handle(exchange, subject) }
        let read = await DisconnectMonitor.cancelOnDisconnect(context.channel) { () -> Result<Reply, BFFError> in
            do throws(BFFError) { return .success(try await handle(exchange, subject)) } catch {
                return .failure(error)
            }
        }
        guard let read else { throw .clientClosed }
        return try read.get()
    }

    private func exchange(
        _ route: Route, _ request: Request, _ context: GatewayContext, from client: CallerKey
    ) async throws(BFFError) -> Exchange {
        var body: [UInt8] = []
        if let limit = route.policy.bodyLimit {
            guard MediaType.isJSON(request.headers[.contentType]) else { throw .unsupportedContentType }
            body = try await request.bytes(upTo: limit, in: edge.bodies, for: client)
        }
        return Exchange(
            id: context.id, head: request.head, body: body,
            parameters: Dictionary(
                context.parameters.map { (String($0.key), String($0.value)) }, uniquingKeysWith: { first, _ in first }),
            query: request.uri.queryParameters.map { (String($0.key), String($0.value)) })
    }
}

extension Request {
    fileprivate func bytes(
        upTo limit: Int, in memory: BodyMemory, for client: CallerKey
    ) async throws(BFFError) -> [UInt8] {
        if let declared = headers[.contentLength].flatMap({ Int($0) }), declared > limit {
            throw .bodyTooLarge(limit: limit)
        }
        var bytes: [UInt8] = []
        var reserved = 0
        defer { memory.release(reserved, for: client) }
        do {
            for try await piece in body {
                guard bytes.count + piece.readableBytes <= limit else { throw BFFError.bodyTooLarge(limit: limit) }
                guard memory.reserve(piece.readableBytes, for: client) else { throw BFFError.overloaded }
                reserved += piece.readableBytes
                bytes.append(contentsOf: piece.readableBytesView)
            }
            return bytes
        } catch let error as BFFError {
            throw error
        } catch {
            // The client went away; the answer reaches no one.
            throw .malformedJSON
        }
    }
}

extension String {
    /// A path in its one plain spelling: no empty segment, no slash at the end, nothing percent-encoded, nothing but
    /// ASCII, since the router finds a route by Swift's rules for text.
    fileprivate var isPlain: Bool {
        let segments = splitBytes(at: "/")
        return equalsBytes(of: "/")
            || (segments.count > 1 && segments[0].isEmpty && segments.dropFirst().allSatisfy { !$0.isEmpty }
                && utf8.allSatisfy { $0 < 0x80 && $0 != UInt8(ascii: "%") })
    }
}
