package import Core
import Flatpeak
import FoundationEssentials
import Logging
import Networking
import Resilience

/// Resolves the outcome of sessions: reads them for their owner, and polls Flatpeak while a session is open.
package struct OutcomeResolver: Sendable {
    private let flatpeak: FlatpeakClient
    private let cache: SessionCache
    private let reads: LocationReads
    private let now: @Sendable () -> Date
    private let clock: any Clock<Duration>
    private let logger: Logger

    /// Concurrent polls of one session are one call to Flatpeak.
    private let polls = SingleFlight<SessionID, PollResult>()

    /// The shortest time between two polls that reads of a session cause, in seconds, while nothing happens in it.
    private static let readInterval: TimeInterval = 1
    /// How long the customer's browser waits at the callback for the outcome.
    private static let callbackTimeout: Duration = .seconds(2)

    init(
        flatpeak: FlatpeakClient, cache: SessionCache, reads: LocationReads, now: @escaping @Sendable () -> Date,
        clock: any Clock<Duration>, logger: Logger
    ) {
        self.flatpeak = flatpeak
        self.cache = cache
        self.reads = reads
        self.now = now
        self.clock = clock
        self.logger = logger
    }

    /// Reads a session of `subject`; polls Flatpeak first while its outcome is open.
    package func session(_ id: SessionID, of subject: Subject) async throws(BFFError) -> ConnectSession {
        guard let session = try await cache.session(id), session.subject == subject else { throw .notFound }
        guard session.facts.relayed || session.facts.leftAt != nil, !session.outcome(at: now()).isFinal,
            cache.shouldPoll(id, at: now(), interval: Self.readInterval)
        else { return session }
        return await resolveOutcome(of: session)
    }

    /// Waits until a session changes, at most `timeout`.
    package func waitForChange(of id: SessionID, timeout: Duration) async {
        await cache.waitForChange(of: id, timeout: timeout)
    }

    /// Handles the return of the customer's browser from Connect with `token`.
    package func handleCallback(_ token: ConnectToken) async throws(BFFError) -> CallbackResult {
        guard let session = try await cache.session(token: token) else { throw .connectTokenUnknown }
        let known = session.outcome(at: now())
        var ended = session
        if !known.isFinal || session.wasQueriedBeforeLeaving {
            var facts = SessionFacts()
            facts.leftAt = now()
            let left = await cache.merge(facts, into: session) ?? session
            // The poll goes on after the timeout; the next read finds its result.
            let resolved = try? await withDeadline(Self.callbackTimeout, clock: clock) { [self] in
                await resolveOutcome(of: left)
            }
            // While Flatpeak cannot be polled this is `active`, the state that a read of the session has, too.
            ended = resolved ?? left
        }
        return CallbackResult(ended, at: now())
    }

    /// Handles Flatpeak's event that the session of `token` is complete: polls for the outcome, which the event does not
    /// prove.
    ///
    /// - Returns: The session; `nil` for a token that was not minted here.
    /// - Throws: Why Flatpeak or the store could not be asked, so that the event is retried.
    package func handleCompletion(of token: ConnectToken) async throws(BFFError) -> ConnectSession? {
        guard let session = try await cache.session(token: token) else { return nil }
        let notifiedAt = now()
        var facts = SessionFacts()
        facts.completedAt = notifiedAt
        guard !session.outcome(at: notifiedAt).isFinal else {
            // No poll says more, but a tariff of an existing location has changed.
            guard !session.isConfirmed, session.mintedLocation != nil else { return session }
            let merged = await cache.merge(facts, into: session)
            guard await cache.isPersisted(session.id) else { throw .storeUnavailable }
            return merged ?? session
        }
        guard let known = await cache.merge(facts, into: session) else { return session }
        guard let result = await poll(known, since: notifiedAt) else { throw .clientClosed }
        if let failure = result.failure { throw failure }
        // An event must not be settled before the store has its outcome.
        guard await cache.isPersisted(known.id) else { throw .storeUnavailable }
        return result.session
    }

    // MARK: - Polling

    private struct PollResult {
        let session: ConnectSession
        /// Why a call to Flatpeak failed; `nil` when none did.
        let failure: BFFError?
    }

    /// Polls Flatpeak and keeps the answer.
    ///
    /// Never throws: after a failure the session is as it was, and a later poll resolves it.
    func resolveOutcome(of session: ConnectSession) async -> ConnectSession {
        await poll(session, since: session.left ?? .distantPast)?.session ?? session
    }

    /// Polls Flatpeak, or joins a poll in progress; polls again when that one began before `instant`, the time of the
    /// customer's last step or of Flatpeak's notification.
    /// - Returns: `nil` when the caller was cancelled.
    private func poll(_ session: ConnectSession, since instant: Date) async -> PollResult? {
        let result = await polls.value(for: session.id) { [self] in await query(session) }
        guard let result, let queriedAt = result.session.facts.queriedAt, queriedAt < instant else { return result }
        return await polls.value(for: session.id) { [self] in await query(result.session) }
    }

    /// Claims the token where that can still say something new, reads the tariff's status, and merges both.
    private func query(_ session: ConnectSession) async -> PollResult {
        var facts = SessionFacts()
        let queriedAt = now()
        facts.queriedAt = queriedAt
        var failure: BFFError?
        do throws(BFFError) {
            var location = session.facts.located?.location
            // Of a location that is not the session's result yet.
            var undecided = session.facts.preparedLocation
            // A token that gave its location may be dead by now; the location lives on.
            if location == nil || queriedAt < session.expiresAt {
                switch try await flatpeak.claim(session.connectToken, for: CallerKey(session.subject)) {
                case .notFinished: facts.notFinishedAt = queriedAt
                case .gone: facts.goneAt = queriedAt
                case .undecided(let found):
                    facts.notFinishedAt = queriedAt
                    undecided = found
                case .located(let found, let pricesAvailable):
                    facts.located = .init(location: found, pricesAvailable: pricesAvailable, since: queriedAt)
                    location = found
                }
            }
            if location == nil, let undecided {
                let status = try await reads.refreshStatus(of: undecided, for: CallerKey(session.subject))
                    .status[slot: session.slot]
                if session.hasResult(at: status) {
                    facts.located = .init(location: undecided, pricesAvailable: false, since: queriedAt)
                    facts.status = status.map { .init(value: $0, at: queriedAt) }
                }
            } else if let location {
                let status = try await reads.refreshStatus(of: location, for: CallerKey(session.subject)).status
                facts.status = status[slot: session.slot].map { .init(value: $0, at: queriedAt) }
            }
        } catch {
            failure = error
            logger.warning(
                "outcome not resolved",
                metadata: ["bff.session": "\(session.id)", "bff.code": "\(error.code)"])
        }
        let before = session.outcome(at: now()).state
        guard let merged = await cache.merge(facts, into: session) else {
            return PollResult(session: session, failure: failure)
        }
        let after = merged.outcome(at: now()).state
        if after != before {
            logger.info(
                "session state changed", metadata: ["bff.session": "\(session.id)", "bff.state": "\(after.rawValue)"])
        }
        return PollResult(session: merged, failure: failure)
    }
}
