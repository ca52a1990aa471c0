package import Core
package import Flatpeak
import FoundationEssentials
package import Logging
package import Resilience
package import Sessions
import Synchronization

/// Passes Connect session calls of tokens that we minted to Flatpeak, and says nothing of its own in between.
package struct Relay: Sendable {
    private let sessions: Sessions
    private let flatpeak: FlatpeakClient
    /// Our name in `Via`, unlike that of any other instance.
    private let via: String
    private let limiter: Limiter
    private let logger: Logger

    /// How often each session may be relayed, over all connections together.
    private final class Limiter: Sendable {
        private let buckets: Mutex<RateLimiter<ConnectToken>?>

        init(_ limit: RateLimit?) {
            buckets = Mutex(limit.map { RateLimiter($0, capacity: 100_000) })
        }

        func take(_ token: ConnectToken) throws(BFFError) {
            guard let decision = buckets.withLock({ $0?.take(token, at: .now) }), !decision.isAllowed else { return }
            throw .rateLimited(retryAfter: decision.wait.wholeSeconds)
        }
    }

    /// - Parameters:
    ///   - instance: Unique to this process, of `[A-Za-z0-9_-]`.
    ///   - limit: Calls per connect token; nil for no limit.
    package init(
        sessions: Sessions, flatpeak: FlatpeakClient, instance: String, limit: RateLimit?, logger: Logger
    ) {
        limiter = Limiter(limit)
        self.sessions = sessions
        self.flatpeak = flatpeak
        via = "connect-bff-\(instance)"
        self.logger = logger
    }

    /// A call that was not passed on, or got no usable answer; `connectToken` is told in the error object.
    package struct Refusal: Error {
        package let error: BFFError
        package let connectToken: ConnectToken?
    }

    /// Relays one call.
    ///
    /// - Parameters:
    ///   - body: The envelope (upstream.md §4.1), passed on byte for byte.
    ///   - acceptLanguage: Travels as it is.
    ///   - via: The caller's `Via`; our own name in it means that upstream is ourselves.
    /// - Returns: What Connect answered, whatever its status, as long as it is JSON.
    package func pass(
        _ body: [UInt8], acceptLanguage: String?, via incoming: [String]
    ) async throws(Refusal) -> UpstreamAnswer {
        var connectToken: ConnectToken?
        do throws(BFFError) {
            let envelope = try Envelope(body.span)
            connectToken = envelope.connectToken
            if incoming.contains(where: { $0.contains(via) }) { throw .loopDetected }
            let session = try await admit(envelope.connectToken)
            // After the gate: tokens that nobody minted take no memory.
            try limiter.take(envelope.connectToken)
            let answer = try await flatpeak.relay(body, acceptLanguage: acceptLanguage, via: via)
            // A redirect of the host itself is never followed and means nothing to the web app.
            guard answer.isJSON, !(300..<400).contains(answer.status) else { throw .upstreamInvalidAnswer }
            note(envelope, answer, in: session)
            return answer
        } catch {
            throw Refusal(error: error, connectToken: connectToken)
        }
    }

    private func admit(_ token: ConnectToken) async throws(BFFError) -> SessionID {
        switch sessions.known(token) {
        case .pass(let session): session
        case .refuse(let error): throw error
        case .unknown: try await sessions.admit(token)
        }
    }

    /// Remembers where the customer is.
    private func note(_ envelope: Envelope, _ answer: UpstreamAnswer, in session: SessionID) {
        struct Page: Decodable {
            let route: String?
            let data: Fields?
            struct Fields: Decodable { let redirect_url: String? }
        }
        let page = try? JSONDecoder().decode(Page.self, from: Data(answer.body))
        sessions.note(
            RelayedStep(envelope: envelope, answeredRoute: page?.route, redirectURL: page?.data?.redirect_url),
            in: session)
    }
}
