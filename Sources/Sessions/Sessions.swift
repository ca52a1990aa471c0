package import Core
package import Flatpeak
package import FoundationEssentials
import Keys
package import Logging
import Metrics
import Resilience
import Synchronization

/// Connect sessions from mint to outcome: the driver around ``ConnectSession/outcome(at:)``.
package final class Sessions: Sendable {
    private let flatpeak: FlatpeakClient
    private let store: any SessionStore
    private let reads: LocationReads
    private let settings: SessionSettings
    private let now: @Sendable () -> Date
    private let randomBytes: @Sendable (Int) -> [UInt8]
    private let logger: Logger

    /// When a read last made us ask, for sessions of which nothing new was heard since.
    private let readAt = Mutex<[SessionID: Date]>([:])
    /// A crowd asking for one session asks Flatpeak once.
    private let claims = SingleFlight<SessionID, ConnectSession>()

    /// A read asks Flatpeak again at most this often, in seconds, while nothing happens in the session.
    private static let readInterval: TimeInterval = 1
    /// How long the customer's browser waits at the callback for the outcome.
    private static let callbackPatience: Duration = .seconds(2)

    /// - Parameters:
    ///   - now: The wall clock, for moments that clients see and Flatpeak sets.
    ///   - randomBytes: A cryptographically secure source.
    package init(
        flatpeak: FlatpeakClient, store: any SessionStore, reads: LocationReads, settings: SessionSettings,
        now: @escaping @Sendable () -> Date, randomBytes: @escaping @Sendable (Int) -> [UInt8], logger: Logger
    ) {
        self.flatpeak = flatpeak
        self.store = store
        self.reads = reads
        self.settings = settings
        self.now = now
        self.randomBytes = randomBytes
        self.logger = logger
    }

    // MARK: - Mint

    /// Creates a connect token for `subject`; the same one again for the same key and body.
    ///
    /// - Parameters:
    ///   - body: What ``MintRequest/read(_:)`` takes.
    ///   - key: Mints without one are never merged: two tabs are two sessions.
    /// - Returns: The session, and the address that opens the Connect UI with its token.
    package func mint(
        _ body: [UInt8], as key: IdempotencyKey?, for subject: Subject
    ) async throws(BFFError) -> (session: ConnectSession, launchURL: String) {
        let request = try MintRequest.read(body)
        guard let key else { return try await mint(request, for: subject) }
        let mint = IdempotentMint(body: Digest.sha256(body), startedAt: now())
        if let taken = try await store.begin(mint, as: key, of: subject, at: now()) {
            guard taken.body == mint.body else { throw .idempotencyKeyReused }
            guard let answer = taken.answer, let session = try await store.session(answer.session) else {
                throw .idempotencyInProgress
            }
            return (session, answer.launchURL)
        }
        do throws(BFFError) {
            let (session, launchURL) = try await self.mint(request, for: subject)
            let answer = IdempotentMint.Answer(session: session.id, launchURL: launchURL, expiresAt: session.expiresAt)
            try await store.end(key, of: subject, with: answer)
            return (session, launchURL)
        } catch {
            // A mint that failed may be tried again under its key. Should this fail too, the key frees itself.
            try? await store.end(key, of: subject, with: nil)
            throw error
        }
    }

    private func mint(
        _ request: MintRequest, for subject: Subject
    ) async throws(BFFError) -> (session: ConnectSession, launchURL: String) {
        let (order, returnURL) = try request.order(under: settings)
        if let location = order.location { try await requireOwned(location, by: subject) }
        let askedAt = now()
        let minted = try await flatpeak.mint(order)
        let session = ConnectSession(
            id: SessionID(prefix: "cs", random: randomBytes(12)), subject: subject, connectToken: minted.token,
            slot: TariffSlot(direction: order.direction ?? .importing, type: order.type ?? .commodity),
            mintedLocation: order.location, mintedAction: order.action, returnURL: returnURL,
            liveMode: minted.liveMode, createdAt: askedAt, expiresAt: askedAt.addingTimeInterval(minted.expiresIn))
        try await store.insert(session)
        Counter(label: "connect_bff_mints").increment()
        logger.info("minted", metadata: ["bff.session": "\(session.id)"])
        return (session, url(order.connectURL, adding: [(name: "fp_cot", value: minted.token.exposed)]))
    }

    // MARK: - Relay

    /// The session that a relayed call belongs to.
    /// - Throws: `connectTokenUnknown`, `connectTokenUsed` or `connectTokenExpired`, without asking upstream.
    package func admit(_ token: ConnectToken) async throws(BFFError) -> ConnectSession {
        guard let session = try await store.session(token: token) else { throw .connectTokenUnknown }
        let outcome = session.outcome(at: now())
        if outcome.state == .expired || now() >= session.expiresAt { throw .connectTokenExpired }
        if outcome.isFinal { throw .connectTokenUsed }
        return session
    }

    /// Notes what a relayed call and its answer said.
    package func note(_ step: RelayedStep, in session: SessionID) async throws(BFFError) {
        let facts = step.facts(callbackURL: settings.callbackURL, at: now())
        readAt.withLock { $0[session] = nil }
        _ = try await store.merge(facts, into: session)
    }

    // MARK: - Outcome

    /// A session of `subject`, as it stands now; Flatpeak is asked while its end is open.
    package func session(_ id: SessionID, of subject: Subject) async throws(BFFError) -> ConnectSession {
        guard let session = try await store.session(id), session.subject == subject else { throw .notFound }
        guard session.facts.relayed || session.facts.leftAt != nil, !session.outcome(at: now()).isFinal else {
            return session
        }
        let moment = now()
        let isDue = readAt.withLock { readAt in
            if let last = readAt[id], moment < last.addingTimeInterval(Self.readInterval) { return false }
            readAt[id] = moment
            return true
        }
        return isDue ? await learn(session) : session
    }

    /// The customer's browser came back from Connect with `token`.
    /// - Returns: Where to send it, nil when the operator named no place; and how the session stands.
    package func callback(_ token: ConnectToken) async throws(BFFError) -> Return {
        guard let session = try await store.session(token: token) else { throw .connectTokenUnknown }
        let known = session.outcome(at: now())
        var state = known.state
        if !known.isFinal {
            var facts = SessionFacts()
            facts.leftAt = now()
            let left = try await store.merge(facts, into: session.id) ?? session
            // The claim goes on when the browser's patience ends; the next read finds what it learnt.
            let learnt = try? await withDeadline(Self.callbackPatience, clock: ContinuousClock()) { [self] in
                await learn(left)
            }
            state = (learnt ?? left).outcome(at: now()).state
            // Left, and nobody could be asked: neither connected nor abandoned is known.
            if state == .active { state = .pending }
        }
        let items = [(name: "session", value: session.id.text), (name: "status", value: state.rawValue)]
        return Return(state: state, url: session.returnURL.map { url($0, adding: items) })
    }

    /// What the callback tells the browser.
    package struct Return: Sendable {
        package let state: SessionState
        package let url: String?
    }

    /// Asks Flatpeak what became of the session and keeps the answer.
    ///
    /// Never throws: what cannot be learnt now is learnt later, and the session stands as it stood.
    private func learn(_ session: ConnectSession) async -> ConnectSession {
        await claims.value(for: session.id) { [self] in await claim(session) } ?? session
    }

    private func claim(_ session: ConnectSession) async -> ConnectSession {
        var facts = SessionFacts()
        let askedAt = now()
        do {
            switch try await flatpeak.claim(session.connectToken) {
            case .notFinished: facts.notFinishedAt = askedAt
            case .gone: facts.goneAt = askedAt
            case .located(let location, let pricesAvailable):
                facts.located = .init(location: location, pricesAvailable: pricesAvailable, since: askedAt)
                try await store.bind(location, to: session.subject)
                reads.forget(location)
                let status = try await flatpeak.status(of: location)
                facts.status = status[slot: session.slot].map { .init(value: $0, at: askedAt) }
            }
        } catch {
            logger.warning(
                "could not ask how a session ended",
                metadata: ["bff.session": "\(session.id)", "bff.code": "\(error.code)"])
        }
        do {
            let before = session.outcome(at: now()).state
            guard let merged = try await store.merge(facts, into: session.id) else { return session }
            let after = merged.outcome(at: now())
            if after.state != before {
                logger.info(
                    "session moved", metadata: ["bff.session": "\(session.id)", "bff.state": "\(after.state.rawValue)"])
            }
            if after.isFinal { readAt.withLock { $0[session.id] = nil } }
            return merged
        } catch {
            return session
        }
    }

    // MARK: - Reads

    /// The locations that sessions of `subject` gave.
    package func locations(of subject: Subject) async throws(BFFError) -> [LocationID] {
        try await store.locations(of: subject)
    }

    /// Forgets that `location` is the subject's; Flatpeak keeps what it has.
    package func forget(_ location: LocationID, of subject: Subject) async throws(BFFError) {
        guard try await store.unbind(location, from: subject) else { throw .notFound }
        reads.forget(location)
        logger.info("location forgotten", metadata: ["bff.location": "\(location)"])
    }

    /// Lets `subject` use `location`, or says that there is no such thing.
    func requireOwned(_ location: LocationID, by subject: Subject) async throws(BFFError) {
        guard try await store.owns(subject, location) else { throw .notFound }
    }
}
