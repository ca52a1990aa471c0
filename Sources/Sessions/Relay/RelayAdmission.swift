package import Core
import Flatpeak
import FoundationEssentials
package import Resilience
import Wire

/// Decides whether a connect token may be relayed, and records the facts of relayed calls.
package final class RelayAdmission: Sendable {
    private let cache: SessionCache
    private let callbackURL: String
    private let pages: ConnectPages
    private let now: @Sendable () -> Date

    init(
        cache: SessionCache, callbackURL: String, pages: ConnectPages, now: @escaping @Sendable () -> Date
    ) {
        self.cache = cache
        self.callbackURL = callbackURL
        self.pages = pages
        self.now = now
    }

    /// Decides from memory alone; never waits.
    /// - Returns: `nil` when the session is not cached, or may have been changed by another process: then
    ///   ``admit(_:)`` asks the store.
    package func cachedDecision(on token: ConnectToken) -> RelayDecision? {
        cache.relayDecision(on: token, at: now())
    }

    /// Decides with the store's help, within a quarter of a second.
    /// - Throws: `connectTokenUnknown`, `connectTokenUsed` or `connectTokenExpired`, without a call to Flatpeak, or
    ///   `storeUnavailable`.
    package func admit(_ token: ConnectToken) async throws(BFFError) -> AdmittedSession {
        guard let session = try await cache.session(token: token) else { throw .connectTokenUnknown }
        if let error = session.relayRejection(at: now()) { throw error }
        return AdmittedSession(caller: CallerKey(session.subject), handle: nil)
    }

    /// Records the facts of a relayed call and its answer; never waits.
    /// - Parameter duration: From the call to the end of its answer.
    package func record(_ step: RelayedStep, in session: AdmittedSession, after duration: Duration = .zero) {
        let now = now()
        let facts = step.facts(
            callbackURL: callbackURL, pages: pages, sentAt: now - duration / .seconds(1), at: now)
        cache.record(facts, of: step.envelope.connectToken, at: session.handle)
    }
}

/// Whether a call with a connect token is relayed.
package enum RelayDecision: Sendable {
    case admit(AdmittedSession)
    /// `connectTokenUsed` or `connectTokenExpired`.
    case reject(BFFError)
}

/// A session whose calls are relayed.
package struct AdmittedSession: Sendable {
    /// The session's subject: calls of one user share one allowance.
    package let caller: CallerKey
    /// Where the session is cached; `nil` when it was read from the store.
    let handle: CacheHandle?
}

extension ConnectSession {
    /// Why calls with the session's token are not relayed; `nil` when they are.
    func relayRejection(at now: Date) -> BFFError? {
        let outcome = outcome(at: now)
        if outcome.state == .expired || now >= expiresAt { return .connectTokenExpired }
        // A confirmation is for what the session came to until then.
        let isRedeemed = needsConfirmation && facts.confirmedAt != nil
        return outcome.isFinal || isRedeemed ? .connectTokenUsed : nil
    }
}
