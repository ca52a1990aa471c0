package import Core
package import HTTPTypes
import Metrics
import NIOCore
package import Resilience

/// What holds for every request before its route is asked: hosts, origins, trusted proxies, limits, and how a refusal
/// looks.
package final class EdgePolicy: Sendable {
    private let routes: [EdgeRoute]
    let settings: EdgeSettings
    package let crossOrigin: CrossOrigin
    /// Requests of a fast path in flight; the router has slots of its own, so that neither shuts the other out.
    package let fastPathSlots: AdmissionControl
    /// The longest body of a fast path's request, in bytes.
    let fastPathBodyLimit: Int
    /// Bodies that are still arriving, of all requests but uploads.
    package let bodies = BodyMemory()
    /// Uploads that are still arriving, whose bodies would leave no memory for others.
    let uploads = BodyMemory(share: 16 << 20)
    package let limits: RequestLimits
    private let page: @Sendable (BFFError, RequestID, CustomerLanguage) -> [UInt8]
    private let log: @Sendable (RequestLine) -> Void
    /// The fields of every answer as lines, in the order of ``CrossOrigin/origins``, and for all other origins.
    private let lines: [ByteBuffer]
    private let otherLines: ByteBuffer
    private let strictTransportLine: ByteBuffer
    private let metrics: RequestMetrics
    private let untrustedForwarding = Counter(label: "connect_bff_untrusted_forwarding_total")

    /// - Parameters:
    ///   - scriptHeaders: What scripts of listed origins may send.
    ///   - fastPathBodyLimit: Bytes.
    ///   - now: The clock of the rate limits.
    ///   - page: Makes the page of an error; one that loads nothing.
    package init(
        routes: [EdgeRoute], _ settings: EdgeSettings, scriptHeaders: [HTTPField.Name], fastPathBodyLimit: Int,
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        page: @escaping @Sendable (BFFError, RequestID, CustomerLanguage) -> [UInt8],
        log: @escaping @Sendable (RequestLine) -> Void
    ) {
        self.routes = routes
        self.settings = settings
        self.fastPathBodyLimit = fastPathBodyLimit
        self.page = page
        self.log = log
        fastPathSlots = AdmissionControl(settings.capacity.fastPath, timeout: settings.capacity.timeout)
        limits = RequestLimits(mint: settings.rateLimits.mint, address: settings.rateLimits.address, now: now)
        metrics = RequestMetrics(routes.map(\.template) + [EdgeRoute.none])
        let crossOrigin = CrossOrigin(origins: settings.origins, headers: scriptHeaders)
        self.crossOrigin = crossOrigin
        let lines = { ByteBuffer(string: (SecurityHeaders.fields + crossOrigin.fields(for: $0)).lines) }
        self.lines = crossOrigin.origins.map { lines($0) }
        otherLines = lines(nil)
        strictTransportLine = ByteBuffer(string: SecurityHeaders.strictTransport.lines)
    }

    private var proxies: TrustedProxies { settings.trustedProxies }
    private var hosts: Set<String> { settings.hosts }

    /// Whether the request is meant for this service, as far as its `Host` says.
    func isAddressed(by request: ReceivedRequest) -> Bool {
        guard !hosts.isEmpty else { return true }
        let host = request.head.host?.utf8 ?? "".utf8
        var name = host[...]
        // The port says how the client came here, which the proxy in front may have changed.
        if name.last != UInt8(ascii: "]"), let colon = name.lastIndex(of: UInt8(ascii: ":")) { name = name[..<colon] }
        // With a dot at its end a name is the same one, written in full (RFC 1034 section 3.1).
        if name.last == UInt8(ascii: ".") { name = name.dropLast() }
        if hosts.contains(where: { $0.equalsIgnoringASCIICase(Substring(name)) }) { return true }
        // Probes come to an address, and their answers hold no user's data.
        return routes.contains { $0.isProbe && $0.template.equalsBytes(of: request.path) }
    }

    /// The client whose memory an arriving body counts as.
    package func client(of request: ReceivedRequest) -> CallerKey {
        address(of: request).map { CallerKey(RequestLimits.key(of: $0)) } ?? CallerKey(request.peer)
    }

    /// Whether a request cannot be taken for another one, and is for this service.
    /// - Parameter isForUs: Whether its target says so.
    func isSound(_ request: ReceivedRequest, isForUs: Bool) -> Bool {
        !request.head.isAmbiguous && !request.head.asksForUpgrade && isForUs && isAddressed(by: request)
    }

    /// What is wrong with a fast path's request, as far as its head says.
    func headRefusal(of request: ReceivedRequest) -> BFFError? {
        do throws(BFFError) {
            try admit(request, at: request.receivedAt)
        } catch {
            return error
        }
        if !request.head.isJSON { return .unsupportedContentType }
        if let length = request.head.contentLength, length > fastPathBodyLimit {
            return .bodyTooLarge(limit: fastPathBodyLimit)
        }
        return nil
    }

    /// Admits a request of a fast path, whose body proves its sender.
    /// - Throws: `rateLimited` or `originNotAllowed`.
    func admit(_ request: ReceivedRequest, at now: ContinuousClock.Instant) throws(BFFError) {
        try admitAddress(of: request, at: now)
        guard crossOrigin.admits(request.head, carriesItsCredential: true, isSafe: false) else {
            throw .originNotAllowed
        }
    }

    /// - Throws: `rateLimited`.
    package func admitAddress(of request: ReceivedRequest, at now: ContinuousClock.Instant)
        throws(BFFError)
    {
        let forwarded = proxies.header == .forwarded ? request.head.forwarded : request.head.forwardedFor
        if !forwarded.isEmpty, !proxies.contains(request.peer) { untrustedForwarding.increment() }
        guard limits.countsAddresses, let address = address(of: request) else { return }
        try limits.takeAddress(address, at: now)?.pass()
    }

    /// - Throws: `rateLimited`.
    package func admitFile(for request: ReceivedRequest, at now: ContinuousClock.Instant) throws(BFFError) {
        guard limits.countsAddresses, let address = address(of: request) else { return }
        try limits.takeFile(address, at: now)?.pass()
    }

    package func address(of request: ReceivedRequest) -> IPAddress? {
        ClientAddress(request.head, from: request.peer, behind: proxies).address
    }

    /// Keeps a browser on https, when a trusted proxy says that it used https.
    package func strictTransport(for request: ReceivedRequest) -> HTTPFields {
        isSecure(request) ? SecurityHeaders.strictTransport : [:]
    }

    private func isSecure(_ request: ReceivedRequest) -> Bool {
        request.head.forwardedProto?.equalsBytes(of: "https") == true && proxies.contains(request.peer)
    }

    /// Writes the header lines that every response to such a request carries, each with its end.
    func writeLines(for request: ReceivedRequest, into answer: inout ByteBuffer) {
        let index = request.head.origin.flatMap { crossOrigin.index(of: $0) }
        answer.writeImmutableBuffer(index.map { lines[$0] } ?? otherLines)
        if isSecure(request) { answer.writeImmutableBuffer(strictTransportLine) }
    }

    /// The response to a request that is refused before its route is asked.
    /// - Returns: With the route's template, for the log.
    func refusal(
        of request: ReceivedRequest, _ error: BFFError, connectToken: ConnectToken?
    ) -> (route: String, response: ErrorResponse) {
        let route = routes.first { $0.template.equalsBytes(of: request.path) }, id = RequestID(request.number)
        return (
            route?.template ?? EdgeRoute.none,
            ErrorResponse(error, in: route?.dialect ?? .problem, id: id, connectToken: connectToken) {
                page(error, id, CustomerLanguage(acceptLanguage: request.head.acceptLanguage ?? ""))
            }
        )
    }

    /// Counts a request that was answered, and writes its line.
    package func write(_ line: RequestLine) {
        metrics.count(line)
        log(line)
    }
}

extension HTTPFields {
    /// Each field as a line with its end.
    fileprivate var lines: String { map { "\($0.name.rawName): \($0.value)\r\n" }.joined() }
}
