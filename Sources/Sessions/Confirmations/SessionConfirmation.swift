package import Core
import FoundationEssentials
import Logging

/// Confirms that the customer who completed a session is its subject: by a code that goes from the document which holds
/// the session to the return URL, and from there, with the subject's own credential, back here.
///
/// The store decides: while it is away no code is given out and none is redeemed.
package struct SessionConfirmation: Sendable {
    private let cache: SessionCache
    private let outcomes: OutcomeResolver
    private let now: @Sendable () -> Date
    private let randomBytes: @Sendable (Int) -> [UInt8]
    private let logger: Logger

    /// - Parameter randomBytes: A cryptographically secure source.
    init(
        cache: SessionCache, outcomes: OutcomeResolver, now: @escaping @Sendable () -> Date,
        randomBytes: @escaping @Sendable (Int) -> [UInt8], logger: Logger
    ) {
        self.cache = cache
        self.outcomes = outcomes
        self.now = now
        self.randomBytes = randomBytes
        self.logger = logger
    }

    /// Handles the end of the session of `token` in the document `tab`, as the callback does.
    /// - Returns: The callback's answer, with a fresh code where the document holds the session and a code is needed.
    package func end(_ token: ConnectToken, in tab: SessionHolder) async throws(BFFError) -> CallbackResult {
        var result = try await outcomes.handleCallback(token)
        guard result.awaitsConfirmation else { return result }
        guard await cache.isPersisted(result.session) else { throw .storeUnavailable }
        let code = ConfirmationCode(randomBytes: randomBytes)
        let taken = try await take(.issue(code, to: tab), of: result.session)
        switch taken?.verdict {
        case .issued:
            // What Flatpeak said after the callback's time was over is in the store.
            if let taken { result = CallbackResult(taken.session, at: now()) }
            result.code = code
        case .notHeld:
            logger.warning("no code for a document without the session", metadata: ["bff.session": "\(result.session)"])
        default: break
        }
        return result
    }

    /// Redeems a code for the session's subject; repeated with the same code, it changes nothing more.
    /// - Throws: `notFound` for a session that is not the subject's, `confirmationCodeUnknown`, `confirmationCodeExpired`,
    ///   `confirmationCodeUsed` when another code confirmed the session, `sessionForeign`, or `storeUnavailable`.
    package func redeem(
        _ code: ConfirmationCode, of id: SessionID, by subject: Subject
    ) async throws(BFFError) -> ConnectSession {
        // With the facts that the store does not have yet.
        guard let session = try await cache.session(id), session.subject == subject else { throw .notFound }
        if session.isForeign { throw .sessionForeign }
        guard let taken = try await take(.redeem(code, by: subject), of: id) else { throw .notFound }
        switch taken.verdict {
        case .redeemed:
            logger.info("session confirmed", metadata: ["bff.session": "\(id)"])
            return taken.session
        case .redeemedBefore: return taken.session
        case .used: throw .confirmationCodeUsed
        case .expired: throw .confirmationCodeExpired
        case .foreign: throw .sessionForeign
        case .notOwned: throw .notFound
        case .unknown, .issued, .notHeld, .notEnded, .notNeeded: throw .confirmationCodeUnknown
        }
    }

    /// Handles the arrival of a token in the document `tab`: where a confirmation is needed and another document holds the
    /// session, the session is foreign from now on.
    ///
    /// Whoever calls this has the token, and can spoil that one session.
    /// - Returns: Whether the document holds the session. False also for a token that was not minted here, so that the
    ///   answer says nothing about tokens.
    package func arrive(_ token: ConnectToken, in tab: SessionHolder) async throws(BFFError) -> Bool {
        guard let session = try await cache.session(token: token), let held = try await cache.held(session.id) else {
            return false
        }
        if let holder = held.holder, holder.isSame(as: tab) { return true }
        guard session.needsConfirmation, !session.isForeign, now() < session.expiresAt else { return false }
        var facts = SessionFacts()
        facts.foreignAt = now()
        _ = await cache.merge(facts, into: session)
        // Nothing may be confirmed until the store has it.
        guard await cache.isPersisted(session.id) else { throw .storeUnavailable }
        logger.warning("a token came back in another document", metadata: ["bff.session": "\(session.id)"])
        return false
    }

    private func take(_ step: ConfirmationStep, of id: SessionID) async throws(BFFError) -> ConfirmationChange? {
        let now = now()
        let readGeneration = cache.generation
        let taken = try await cache.withStore { store throws(BFFError) in try await store.take(step, of: id, at: now) }
        if let taken, taken.change != nil { cache.confirmed(taken.session, readGeneration: readGeneration) }
        return taken
    }
}
