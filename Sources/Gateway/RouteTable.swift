import Core
import HTTPTypes
import Hummingbird
import NIOCore
import Resilience
import Synchronization
package import Logging

/// Every route there is, and the one way in which a request reaches a handler.
package struct RouteTable: Sendable {
    package let routes: [Route]
    private let randomBytes: @Sendable (Int) -> [UInt8]
    private let logger: Logger
    private let authenticator: any Authenticator
    private let crossOrigin: CrossOrigin
    private let underWay: UnderWay
    private let limits: Limits
    private let proxies: TrustedProxies

    /// - Parameters:
    ///   - origins: The origins whose scripts may read answers.
    ///   - limits: How often a subject may mint, and an address may call.
    ///   - proxies: Whose word about a client's address is taken.
    ///   - randomBytes: Makes request ids.
    ///   - capacity: Requests that may be under way at a time; more are refused at once, so that those accepted keep
    ///     their pace.
    package init(
        _ routes: [Route], authenticator: any Authenticator, origins: Set<String>, limits: Limits,
        proxies: TrustedProxies, capacity: Int = 512, randomBytes: @escaping @Sendable (Int) -> [UInt8], logger: Logger
    ) {
        underWay = UnderWay(capacity)
        self.routes = routes
        self.authenticator = authenticator
        self.limits = limits
        self.proxies = proxies
        self.randomBytes = randomBytes
        self.logger = logger
        crossOrigin = CrossOrigin(origins: origins, headers: authenticator.headers)
    }

    /// Methods that get an answer of ours on every path, so that an unused one is a 405 and not a 404.
    static let methods: [HTTPRequest.Method] =
        [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect]
        + [HTTPRequest.Method("QUERY")].compactMap(\.self)

    /// Hummingbird's router with this table in it.
    func router() -> Router<EdgeContext> {
        let router = Router(context: EdgeContext.self)
        router.add(middleware: Edge(randomBytes: randomBytes, logger: logger))
        for (template, routes) in Dictionary(grouping: routes, by: \.template) {
            for method in Self.methods {
                router.on(RouterPath(template), method: method) { request, context in
                    await answer(request, context, among: routes).response
                }
            }
        }
        return router
    }

    private func answer(_ request: Request, _ context: EdgeContext, among routes: [Route]) async -> Reply {
        // The router drops empty segments; `//v1` must not be another spelling of `/v1`.
        guard request.uri.path.isPlain else { return .failure(.notFound, in: routes[0].policy.dialect, id: context.id) }
        // Many proxies and frameworks read X_Forwarded_User and X-Forwarded-User as one and the same. The first Host
        // became the request's authority; one that is left among the fields is a second.
        guard !request.headers.contains(where: { $0.name.rawName.contains("_") || $0.name.canonicalName == "host" })
        else {
            return .failure(.malformedHeader, in: routes[0].policy.dialect, id: context.id)
        }
        let method = request.method == .head ? .get : request.method
        if let route = routes.first(where: { $0.method == method }) {
            var reply = await reply(of: route, to: request, context)
            if route.policy.origins == .listed { crossOrigin.mark(&reply, for: request.head) }
            return reply
        }
        if method == .options, routes.contains(where: { $0.policy.origins == .listed }) {
            var reply = crossOrigin.preflight(request.head, methods: routes.map(\.method))
            crossOrigin.mark(&reply, for: request.head)
            return reply
        }
        var reply = Reply.failure(.methodNotAllowed, in: routes[0].policy.dialect, id: context.id)
        reply.headers[.allow] = routes.map(\.method.rawValue).sorted().joined(separator: ", ")
        return reply
    }

    private func reply(of route: Route, to request: Request, _ context: EdgeContext) async -> Reply {
        if route.policy.isShed {
            guard underWay.enter() else { return .failure(.overloaded, in: route.policy.dialect, id: context.id) }
        }
        defer { if route.policy.isShed { underWay.leave() } }
        let caller = Caller(head: request.head, peer: Peer(context.channel))
        var mintVerdict: Limits.Verdict?
        var reply: Reply
        do throws(BFFError) {
            if route.policy.isShed, let address = ClientAddress(caller, behind: proxies).address {
                try Self.pass(limits.takeAddress(address))
            }
            switch route.handler {
            case .user(let handle):
                try admit(route, caller, provesSender: authenticator.provesSender(caller))
                // Before the body is read: a stranger gets nothing done.
                let subject = try await authenticator.subject(of: caller)
                if route.policy.limit == .mint {
                    mintVerdict = limits.takeMint(subject)
                    try Self.pass(mintVerdict)
                }
                let exchange = try await exchange(route, request, context)
                reply = try await answer(to: exchange, of: subject, route, handle, context)
            case .connectTokenHolder(let handle):
                try admit(route, caller, provesSender: true)
                reply = try await handle(try await exchange(route, request, context))
            case .anyone(let handle):
                reply = try await handle(try await exchange(route, request, context))
            }
        } catch {
            reply = .failure(error, in: route.policy.dialect, id: context.id)
        }
        mintVerdict?.mark(&reply)
        if proxies.contains(caller.peer), caller.head.headerFields[.xForwardedProto] == "https" {
            reply.headers[.strictTransportSecurity] = "max-age=31536000"
        }
        return reply
    }

    private func admit(_ route: Route, _ caller: Caller, provesSender: Bool) throws(BFFError) {
        guard route.policy.origins != .listed || crossOrigin.admits(caller.head, carriesItsCredential: provesSender)
        else { throw .originNotAllowed }
    }

    private static func pass(_ verdict: Limits.Verdict?) throws(BFFError) {
        if let verdict, !verdict.isAllowed { throw .rateLimited(retryAfter: verdict.wait) }
    }

    /// A read that nobody waits for is given up; what changes something runs to its end.
    private func answer(
        to exchange: Exchange, of subject: Subject, _ route: Route,
        _ handle: @escaping @Sendable (Exchange, Subject) async throws(BFFError) -> Reply, _ context: EdgeContext
    ) async throws(BFFError) -> Reply {
        guard route.method == .get else { return try await handle(exchange, subject) }
        let read = await ClientWatch.whileConnected(context.channel) { () -> Result<Reply, BFFError> in
            do throws(BFFError) { return .success(try await handle(exchange, subject)) } catch {
                return .failure(error)
            }
        }
        guard let read else { throw .clientClosed }
        return try read.get()
    }

    private func exchange(
        _ route: Route, _ request: Request, _ context: EdgeContext
    ) async throws(BFFError) -> Exchange {
        var body: [UInt8] = []
        if let limit = route.policy.bodyLimit {
            guard isJSON(contentType: request.headers[.contentType]) else { throw .unsupportedContentType }
            body = try await request.bytes(upTo: limit)
        }
        return Exchange(
            id: context.id, head: request.head, body: body,
            parameters: Dictionary(
                context.parameters.map { (String($0.key), String($0.value)) }, uniquingKeysWith: { first, _ in first }),
            query: request.uri.queryParameters.map { (String($0.key), String($0.value)) })
    }
}

/// How many requests are under way, over all connections.
private final class UnderWay: Sendable {
    private let places: Mutex<Bulkhead>

    init(_ capacity: Int) {
        places = Mutex(Bulkhead(limit: capacity))
    }

    func enter() -> Bool { places.withLock { $0.enter() } }
    func leave() { places.withLock { $0.leave() } }
}

extension Request {
    fileprivate func bytes(upTo limit: Int) async throws(BFFError) -> [UInt8] {
        if let declared = headers[.contentLength].flatMap({ Int($0) }), declared > limit {
            throw .bodyTooLarge(limit: limit)
        }
        do {
            return Array(try await body.collect(upTo: limit).readableBytesView)
        } catch is NIOTooManyBytesError {
            throw .bodyTooLarge(limit: limit)
        } catch {
            // The client went away or broke the framing; nobody is there to read this.
            throw .malformedJSON
        }
    }
}

extension String {
    /// A path in its one plain spelling: no empty segment, no slash at the end, nothing percent-encoded.
    fileprivate var isPlain: Bool {
        self == "/" || (hasPrefix("/") && !hasSuffix("/") && !contains("//") && !contains("%"))
    }
}
