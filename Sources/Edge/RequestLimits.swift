package import Core
package import HTTPTypes
package import Resilience
import Synchronization

/// How often a subject may mint, and an address may call at all or load files.
package final class RequestLimits: Sendable {
    /// What is counted.
    ///
    /// The name is that of the policy in `RateLimit-Policy`.
    enum Kind: String { case mint, address, files }

    private let mint: Mutex<RateLimiter?>
    private let address: Mutex<RateLimiter?>
    private let files: Mutex<RateLimiter?>
    /// Whether it matters who calls at all.
    package let countsAddresses: Bool
    package let now: @Sendable () -> ContinuousClock.Instant
    /// Deliveries that were not Flatpeak's, by client address.
    private let forgeries = Mutex(
        RateLimiter(RateLimit(count: 60, period: .seconds(60)), capacity: RequestLimits.capacity))

    /// Confirmation codes that were wrong, by subject.
    private let guesses = Mutex(
        RateLimiter(RateLimit(count: 10, period: .seconds(60)), capacity: RequestLimits.capacity))

    /// Files that an address may load for each call that it may make.
    ///
    /// A visit of the hosted page is 20 files, two or three dozen pictures, and three calls at least: the document, its
    /// ticket, and Connect's first page.
    package static let filesPerCall = 40

    /// Keys that each kind remembers.
    private static let capacity = 100_000

    /// - Parameters:
    ///   - mint: `nil` turns the limit off.
    ///   - address: `nil` turns the limits of calls and of files off.
    package init(
        mint: RateLimit?, address: RateLimit?,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.mint = Mutex(mint.map { RateLimiter($0, capacity: Self.capacity) })
        self.address = Mutex(address.map { RateLimiter($0, capacity: Self.capacity) })
        files = Mutex(
            address.map { address in
                let count = min(address.count, 1_000_000) * Self.filesPerCall
                return RateLimiter(RateLimit(count: count, period: address.period), capacity: Self.capacity)
            })
        countsAddresses = address != nil
        self.now = now
    }

    /// A decision, with the kind it is about.
    package struct Verdict {
        let kind: Kind
        let limit: RateLimit
        let isAllowed: Bool
        let remaining: Int
        /// Whole seconds until one more passes.
        let wait: Int

        package func pass() throws(BFFError) {
            if !isAllowed { throw .rateLimited(retryAfter: wait) }
        }

        /// Where the sender stands (draft-ietf-httpapi-ratelimit-headers).
        package var fields: HTTPFields {
            let period = limit.period.components.seconds
            return [
                .rateLimitPolicy: "\"\(kind.rawValue)\";q=\(limit.count);w=\(period)",
                .rateLimit: "\"\(kind.rawValue)\";r=\(remaining);t=\(wait)",
            ]
        }
    }

    package func takeMint(_ subject: Subject) -> Verdict? {
        mint.withLock { Self.take(subject, from: &$0, .mint, at: now()) }
    }

    package func takeAddress(_ client: IPAddress, at now: ContinuousClock.Instant) -> Verdict? {
        address.withLock { Self.take(Self.key(of: client), from: &$0, .address, at: now) }
    }

    package func takeFile(_ client: IPAddress, at now: ContinuousClock.Instant) -> Verdict? {
        files.withLock { Self.take(Self.key(of: client), from: &$0, .files, at: now) }
    }

    /// Refuses an address that sent too many deliveries that were not Flatpeak's.
    ///
    /// - Parameter client: `nil` for clients whose address is unknown; they share one count.
    package func admitDelivery(from client: IPAddress?) throws(BFFError) {
        let isExhausted = forgeries.withLock { $0.isExhausted(client.map(Self.key) ?? [], at: now()) }
        if isExhausted { throw .rateLimited(retryAfter: 1) }
    }

    package func countForgery(from client: IPAddress?) {
        forgeries.withLock { _ = $0.take(client.map(Self.key) ?? [], at: now()) }
    }

    /// Refuses a subject that sent too many wrong confirmation codes.
    package func admitGuess(of subject: Subject) throws(BFFError) {
        if guesses.withLock({ $0.isExhausted(subject, at: now()) }) { throw .rateLimited(retryAfter: 6) }
    }

    package func countGuess(of subject: Subject) {
        guesses.withLock { _ = $0.take(subject, at: now()) }
    }

    /// An IPv6 client has a whole /64 to itself.
    package static func key(of client: IPAddress) -> [UInt8] {
        client.bytes.count == 16 ? Array(client.bytes.prefix(8)) : client.bytes
    }

    private static func take(
        _ key: some Hashable, from limiter: inout RateLimiter?, _ kind: Kind, at now: ContinuousClock.Instant
    ) -> Verdict? {
        guard let limit = limiter?.limit, let decision = limiter?.take(key, at: now) else { return nil }
        return Verdict(
            kind: kind, limit: limit, isAllowed: decision.isAllowed, remaining: decision.remaining,
            wait: decision.wait.wholeSeconds)
    }
}
