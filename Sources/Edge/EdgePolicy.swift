import Core
import HTTPTypes
import Metrics
import NIOCore
import Relay
import Resilience

/// The rules of the edge, for the router's routes and for the relay's lane alike.
final class EdgeRules: LaneRules {
    let routes: [Route]
    let crossOrigin: CrossOrigin
    /// The router's requests under way; relayed calls have places of their own, so that neither shut the others out.
    let underWay: UnderWay
    let relayed: UnderWay
    /// Deliveries of Flatpeak's under way: however many come, users find their places free, and a body of 256 KiB is
    /// held for each of these at most.
    let deliveries = UnderWay(256, timeout: .zero)
    /// Bodies that are still arriving, of all requests.
    let bodies = BodyMemory()
    let limits: Limits
    let proxies: TrustedProxies
    /// The names under which this service is reached, in lower case and without a port; empty for any.
    let hosts: Set<String>
    let log: @Sendable (RequestLine) -> Void
    /// The fields of every answer as lines, in the order of ``CrossOrigin/origins``, and for all other origins.
    private let lines: [ByteBuffer]
    private let otherLines: ByteBuffer
    private let strictTransportLine: ByteBuffer
    private let metrics: RequestMetrics
    private let untrustedForwarding = Counter(label: "connect_bff_untrusted_forwarding_total")

    let bodyLimit: Int

    init(
        routes: [Route], crossOrigin: CrossOrigin, underWay: UnderWay, relayed: UnderWay, limits: Limits,
        proxies: TrustedProxies,
        hosts: Set<String>, log: @escaping @Sendable (RequestLine) -> Void
    ) {
        self.routes = routes
        self.crossOrigin = crossOrigin
        self.underWay = underWay
        self.relayed = relayed
        self.limits = limits
        self.proxies = proxies
        self.hosts = hosts
        self.log = log
        metrics = RequestMetrics(routes.map(\.template) + [Edge.noRoute])
        bodyLimit = RoutePolicy.relay.bodyLimit ?? 0
        let lines = { ByteBuffer(string: (Edge.fields + crossOrigin.fields(for: $0)).lines) }
        self.lines = crossOrigin.origins.map { lines($0) }
        otherLines = lines(nil)
        strictTransportLine = ByteBuffer(string: Self.strictTransport.lines)
    }

    func isAddressed(by head: JudgedHead, on path: Substring) -> Bool {
        guard !hosts.isEmpty else { return true }
        let host = head.host?.utf8 ?? "".utf8
        var name = host[...]
        // The port says how the client came here, which the proxy in front may have changed.
        if name.last != UInt8(ascii: "]"), let colon = name.lastIndex(of: UInt8(ascii: ":")) { name = name[..<colon] }
        // With a dot at its end a name is the same one, written in full (RFC 1034 section 3.1).
        if name.last == UInt8(ascii: ".") { name = name.dropLast() }
        if hosts.contains(where: { $0.equalsIgnoringASCIICase(Substring(name)) }) { return true }
        // Probes come to an address, and learn nothing that is anybody's.
        return routes.contains { $0.template.equalsBytes(of: path) && $0.policy.isProbe }
    }

    func enter() -> Bool { relayed.enter() }
    func enterInTurn(_ told: @escaping @Sendable (Bool) -> Void) { relayed.enterInTurn { told($0 == .granted) } }
    func leave() { relayed.leave() }

    func client(_ head: JudgedHead, from peer: Peer) -> CallerKey {
        address(head, from: peer).map { CallerKey(Limits.key(of: $0)) } ?? CallerKey(peer)
    }

    func reserveBody(_ bytes: Int, for client: CallerKey) -> Bool { bodies.reserve(bytes, for: client) }
    func releaseBody(_ bytes: Int, for client: CallerKey) { bodies.release(bytes, for: client) }

    func admit(_ head: JudgedHead, from peer: Peer, at now: ContinuousClock.Instant) throws(BFFError) {
        try admitAddress(head, from: peer, at: now)
        guard crossOrigin.admits(head, carriesItsCredential: true, isSafe: false) else { throw .originNotAllowed }
    }

    func admitAddress(_ head: JudgedHead, from peer: Peer, at now: ContinuousClock.Instant) throws(BFFError) {
        let forwarded = proxies.header == .forwarded ? head.forwarded : head.forwardedFor
        if !forwarded.isEmpty, !proxies.contains(peer) { untrustedForwarding.increment() }
        guard limits.countsAddresses, let address = address(head, from: peer) else { return }
        try limits.takeAddress(address, at: now)?.pass()
    }

    func address(_ head: JudgedHead, from peer: Peer) -> IPAddress? {
        ClientAddress(head, from: peer, behind: proxies).address
    }

    /// What tells a browser to stay on https, when a proxy of ours says that it used https.
    func strictTransport(for head: JudgedHead, from peer: Peer) -> HTTPFields {
        isSecure(head, from: peer) ? Self.strictTransport : [:]
    }

    private static let strictTransport: HTTPFields = [.strictTransportSecurity: "max-age=31536000"]

    private func isSecure(_ head: JudgedHead, from peer: Peer) -> Bool {
        head.forwardedProto?.equalsBytes(of: "https") == true && proxies.contains(peer)
    }

    func writeLines(for head: JudgedHead, from peer: Peer, into answer: inout ByteBuffer) {
        let place = head.origin.flatMap { crossOrigin.place(of: $0) }
        answer.writeImmutableBuffer(place.map { lines[$0] } ?? otherLines)
        if isSecure(head, from: peer) { answer.writeImmutableBuffer(strictTransportLine) }
    }

    func refusal(of path: String, _ error: BFFError, id: RequestID, connectToken: ConnectToken?) -> Refusal {
        let route = routes.first { $0.template.equalsBytes(of: path) }
        let reply = Reply.failure(
            error, in: route?.policy.dialect ?? .problem, id: id, connectToken: connectToken)
        return Refusal(
            route: route?.template ?? Edge.noRoute, contentType: reply.headers[.contentType] ?? "", body: reply.body)
    }

    /// Counts a request that was answered, and writes its line.
    func write(_ line: RequestLine) {
        metrics.count(line)
        log(line)
    }
}

extension HTTPFields {
    /// Each field as a line with its end.
    fileprivate var lines: String { map { "\($0.name.rawName): \($0.value)\r\n" }.joined() }
}
