import Core
import Edge
import HTTPTypes
import Networking
import Resilience
import Wire

/// What stands between a request and the handler of its route: one list of steps, each of which looks at the route's
/// policy.
struct RequestPipeline: Sendable {
    private let edge: EdgePolicy
    private let authenticator: any Authenticator
    /// Of users' requests in flight.
    private let slots: AdmissionControl
    /// Of Flatpeak's deliveries: however many come, users find their slots free, and a body of 256 KiB is held for each
    /// of these at most.
    private let deliverySlots = AdmissionControl(256, timeout: .zero)

    /// Of uploads, whose bodies are in memory several times.
    private let uploadSlots: AdmissionControl

    /// One user may have an eighth of the slots and of the queue.
    private static let userShares = 8
    /// Uploads in flight, one of each user's.
    private static let uploads = 4

    init(_ edge: EdgePolicy, _ authenticator: any Authenticator, _ capacity: EdgeSettings.Capacity) {
        self.edge = edge
        self.authenticator = authenticator
        slots = AdmissionControl(capacity.router, shares: Self.userShares, timeout: capacity.timeout)
        uploadSlots = AdmissionControl(Self.uploads, shares: Self.uploads, timeout: capacity.timeout)
    }

    /// Users' requests that have a slot at this moment, and those that wait for one.
    var load: (inFlight: Int, waiting: Int) {
        let users = slots.load, uploads = uploadSlots.load
        return (users.inFlight + uploads.inFlight, users.waiting + uploads.waiting)
    }

    /// What the steps learn of a request.
    private struct Context {
        let request: RoutedRequest
        let route: Route
        let parameters: [String: String]
        /// Whose memory the body counts as, and whose slot the request takes unless it has a user.
        let client: CallerKey
        let caller: Caller
        /// Who was recognised, on a route for users.
        var subject: Subject?
        var rateLimit: RequestLimits.Verdict?

        var policy: RoutePolicy { route.policy }

        init(_ request: RoutedRequest, _ route: Route, _ parameters: [String: String], from client: CallerKey) {
            self.request = request
            self.route = route
            self.parameters = parameters
            self.client = client
            caller = Caller(head: request.head, peer: request.received.peer)
        }
    }

    /// Someone who was recognised, and what the route does for them.
    private struct Principal {
        let key: CallerKey
        let handle: @Sendable (Exchange) async throws(BFFError) -> Reply
    }

    func respond(to request: RoutedRequest, on route: Route, _ parameters: [String: String]) async -> Reply {
        var context = Context(request, route, parameters, from: edge.client(of: request.received))
        var reply: Reply
        do throws(BFFError) {
            // A stranger gets nothing done: a body is read for those alone who may use it. And a slot is taken when the
            // request is whole, so that a slow client holds none.
            try shed(context)
            try limitAddress(context)
            try checkOrigin(context)
            let principal = try await authenticate(&context)
            try limitSubject(&context)
            let exchange = try await readBody(context)
            reply = try await handle(exchange, for: principal, context)
        } catch {
            reply = refuse(error, context)
        }
        if let rateLimit = context.rateLimit { reply.mark(rateLimit) }
        for field in edge.strictTransport(for: request.received) { reply.headers.append(field) }
        return reply
    }

    // MARK: - Steps

    /// Refuses at once what could only be refused in the end.
    private func shed(_ context: Context) throws(BFFError) {
        switch context.policy.slots {
        case .users: if slots.isFull { throw .overloaded }
        case .uploads: if uploadSlots.isFull { throw .overloaded }
        case .deliveries, .immediate, .unlimited: break
        }
    }

    private func limitAddress(_ context: Context) throws(BFFError) {
        let received = context.request.received
        if [.users, .uploads, .immediate].contains(context.policy.slots) {
            try edge.admitAddress(of: received, at: edge.limits.now())
        }
        if context.policy.limit == .files { try edge.admitFile(for: received, at: edge.limits.now()) }
        if context.policy.limit == .forgeries { try edge.limits.admitDelivery(from: edge.address(of: received)) }
    }

    private func checkOrigin(_ context: Context) throws(BFFError) {
        guard context.policy.origins == .listed else { return }
        let provesSender =
            if case .user = context.route.handler { authenticator.provesSender(context.caller) } else { true }
        guard
            edge.crossOrigin.admits(
                context.request.received.head, carriesItsCredential: provesSender,
                isSafe: context.policy.retries == .safe)
        else { throw .originNotAllowed }
    }

    private func authenticate(_ context: inout Context) async throws(BFFError) -> Principal {
        switch context.route.handler {
        case .user(let handle):
            let subject = try await authenticator.subject(of: context.caller)
            if context.policy.callers == .backend, !authenticator.isOwnBackend(context.caller) {
                throw .writesNotAllowed
            }
            context.subject = subject
            return Principal(key: CallerKey(subject)) { (exchange) throws(BFFError) in
                try await handle(exchange, subject)
            }
        case .flatpeak(let check, let handle):
            try check(context.request.head)
            return Principal(key: context.client, handle: handle)
        case .anyone(let handle): return Principal(key: context.client, handle: handle)
        // The fast path takes every spelling of its paths that means them.
        case .connectTokenHolder: throw .notFound
        }
    }

    private func limitSubject(_ context: inout Context) throws(BFFError) {
        guard let subject = context.subject else { return }
        if context.policy.limit == .guesses { try edge.limits.admitGuess(of: subject) }
        guard context.policy.limit == .mints else { return }
        context.rateLimit = edge.limits.takeMint(subject)
        try context.rateLimit?.pass()
    }

    private func readBody(_ context: Context) async throws(BFFError) -> Exchange {
        let request = context.request
        var body: [UInt8] = []
        if context.policy.bodyLimit != nil {
            guard MediaType.isJSON(request.head.headerFields[.contentType]) else { throw .unsupportedContentType }
            body = try await request.body.read()
        }
        return Exchange(
            id: request.id, head: request.head, body: body, client: context.client,
            isByOwnBackend: context.policy.limit == .mints && authenticator.isOwnBackend(context.caller),
            parameters: context.parameters)
    }

    /// Does the work in a slot of its kind.
    private func handle(
        _ exchange: Exchange, for principal: Principal, _ context: Context
    ) async throws(BFFError) -> Reply {
        switch context.policy.slots {
        case .users: return try await work(exchange, principal, context, in: slots)
        case .uploads: return try await work(exchange, principal, context, in: uploadSlots)
        case .deliveries:
            guard deliverySlots.tryAcquire() else { throw .overloaded }
            return try await work(exchange, principal, context) { [deliverySlots] in deliverySlots.release() }
        // What waits here is safe, and so its task is cancelled at the deadline.
        case .immediate, .unlimited: return try await principal.handle(exchange)
        }
    }

    /// Does the work in a slot of the user's.
    private func work(
        _ exchange: Exchange, _ principal: Principal, _ context: Context, in slots: AdmissionControl
    ) async throws(BFFError) -> Reply {
        switch await slots.acquire(for: principal.key) {
        case .granted: break
        case .refused: throw .overloaded
        case .shareTaken: throw .rateLimited(retryAfter: 1)
        }
        return try await work(exchange, principal, context) { slots.release(principal.key) }
    }

    /// Does the work until the request is interrupted: by its deadline or, where it changes nothing, by its client.
    ///
    /// A read is then cancelled. What changes something runs to its end, and keeps its slot for as long.
    private func work(
        _ exchange: Exchange, _ principal: Principal, _ context: Context,
        finally release: @escaping @Sendable () -> Void
    ) async throws(BFFError) -> Reply {
        let handle = principal.handle
        let work = { @Sendable () async -> Result<Reply, BFFError> in
            defer { release() }
            do throws(BFFError) { return .success(try await handle(exchange)) } catch { return .failure(error) }
        }
        let result =
            context.policy.retries == .safe
            ? await work() : await runDetached(on: context.request.executor, work)
        if case .success(let reply) = result { return reply }
        if let error = context.request.interruption.error { throw error }
        guard let result else { throw .clientClosed }
        return try result.get()
    }

    // MARK: - Refusals

    private func refuse(_ error: BFFError, _ context: Context) -> Reply {
        if error == .signatureInvalid, context.policy.limit == .forgeries {
            edge.limits.countForgery(from: edge.address(of: context.request.received))
        }
        if error == .confirmationCodeUnknown, context.policy.limit == .guesses, let subject = context.subject {
            edge.limits.countGuess(of: subject)
        }
        var dialect = context.policy.dialect
        // The hosted page's script asks the callback for JSON, and goes on by the code.
        if dialect == .page, context.request.head.prefersJSON { dialect = .problem }
        var reply = Reply.failure(error, in: dialect, id: context.request.id)
        if error.status == 401 { reply.challenge(challenges(context)) }
        return reply
    }

    private func challenges(_ context: Context) -> [String] {
        if case .flatpeak = context.route.handler { return [AuthenticationScheme.flatpeakSignature.challenge] }
        return authenticator.challenges(to: context.caller)
    }
}
