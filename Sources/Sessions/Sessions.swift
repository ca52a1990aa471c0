import Wire
package import Core
package import Flatpeak
package import FoundationEssentials
import Keys
package import Logging
import Metrics
package import Networking
package import Resilience
import Synchronization

/// Connect sessions from mint to outcome: the driver around ``ConnectSession/outcome(at:)``.
package final class Sessions: Sendable {
    private let flatpeak: FlatpeakClient
    private let cache: SessionCache
    private let reads: LocationReads
    private let settings: SessionSettings
    private let now: @Sendable () -> Date
    private let time: UpstreamTime
    private let randomBytes: @Sendable (Int) -> [UInt8]
    private let logger: Logger

    private let keys = Mutex(IdempotencyKeys(capacity: 10_000, share: 100))
    /// A crowd asking for one session asks Flatpeak once.
    private let claims = SingleFlight<SessionID, Learnt>()

    /// A read asks Flatpeak again at most this often, in seconds, while nothing happens in the session.
    private static let readInterval: TimeInterval = 1
    /// How long the customer's browser waits at the callback for the outcome.
    private static let callbackPatience: Duration = .seconds(2)
    /// How often due sessions are polled, how many are leased at a time, and how many are polled at once: few, so that
    /// users find Flatpeak's slots free.
    private static let pollInterval = Duration.seconds(1)
    private static let polls = 16
    private static let pollsAtOnce = 4
    /// Sessions whose change with time is published in one write.
    private static let changes = 500
    /// How long leased sessions are not leased again, in seconds: longer than polling all of them can take.
    private static let pollLease: TimeInterval = 120
    private static let cleanUpInterval = Duration.seconds(3600)
    private static let gaugeInterval = Duration.seconds(15)

    /// - Parameters:
    ///   - now: The wall clock, for moments that clients see and Flatpeak sets.
    ///   - time: A monotonic clock, for waits.
    ///   - randomBytes: A cryptographically secure source.
    package init(
        flatpeak: FlatpeakClient, cache: SessionCache, reads: LocationReads, settings: SessionSettings,
        now: @escaping @Sendable () -> Date, time: UpstreamTime = .real,
        randomBytes: @escaping @Sendable (Int) -> [UInt8], logger: Logger
    ) {
        self.flatpeak = flatpeak
        self.cache = cache
        self.reads = reads
        self.settings = settings
        self.now = now
        self.time = time
        self.randomBytes = randomBytes
        self.logger = logger
    }

    /// Flushes the cache, polls open sessions, and removes old ones, until cancelled.
    package func run() async {
        await withTaskGroup { group in
            group.addTask { [cache] in await cache.run() }
            group.addTask { [cache] in await cache.watch() }
            group.addTask { [self] in await every(Self.pollInterval) { await pollDueSessions() } }
            group.addTask { [self] in await every(Self.pollInterval) { await publishTimedChanges() } }
            group.addTask { [self] in await every(Self.cleanUpInterval) { await removeOld() } }
            group.addTask { [self] in await every(Self.gaugeInterval) { recordStateGauges() } }
        }
    }

    /// Flushes what is still pending, once everything else has ended.
    package func finish() async {
        await cache.finish()
    }

    private func every(_ interval: Duration, _ work: () async -> Void) async {
        while !Task.isCancelled {
            await work()
            guard (try? await time.sleep(interval)) != nil else { return }
        }
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
        let mint = IdempotentMint(body: Digest.sha256(body), startedAt: now(), owner: randomBytes(12).hexadecimal)
        if let taken = await begin(mint, as: key, of: subject) {
            guard taken.body == mint.body else { throw .idempotencyKeyReused }
            guard let answer = taken.answer else { throw .idempotencyInProgress }
            if let session = try await cache.session(answer.session) {
                return (session, Self.launchURL(answer.connectURL, session))
            }
            // The session was removed meanwhile: its key is free for a new mint, of which there is one.
            await release(MintKey(key, taken), of: subject)
            guard await begin(mint, as: key, of: subject) == nil else { throw .idempotencyInProgress }
        }
        do throws(BFFError) {
            return try await self.mint(request, as: MintKey(key, mint), for: subject)
        } catch {
            // A mint that failed may be tried again under its key. Should this fail too, the key frees itself.
            await release(MintKey(key, mint), of: subject)
            throw error
        }
    }

    /// Releases a key, here and in the store, unless another mint holds it by now.
    private func release(_ key: MintKey, of subject: Subject) async {
        keys.withLock { $0.end(key.key, of: subject, heldBy: key.mint.holder, as: nil) }
        try? await cache.ask { store throws(BFFError) in try await store.release(key, of: subject) }
    }

    /// Takes a key, here and in the store; a store that is away decides nothing.
    private func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject
    ) async -> IdempotentMint? {
        let now = now()
        if let taken = keys.withLock({ $0.begin(mint, as: key, of: subject, at: now) }) { return taken }
        let taken = try? await cache.ask { store throws(BFFError) in
            try await store.begin(mint, as: key, of: subject, at: now)
        }
        // Only an answer is worth remembering: one that is under way elsewhere ends elsewhere.
        if let taken = taken ?? nil {
            keys.withLock { $0.end(key, of: subject, heldBy: mint.holder, as: taken.answer == nil ? nil : taken) }
        }
        return taken ?? nil
    }

    private func mint(
        _ request: MintRequest, as key: MintKey? = nil, for subject: Subject
    ) async throws(BFFError) -> (session: ConnectSession, launchURL: String) {
        let (order, returnURL) = try request.order(under: settings)
        if let location = order.location { try await requireOwned(location, by: subject) }
        let askedAt = now()
        let minted = try await flatpeak.mint(order, for: CallerKey(subject))
        let session = ConnectSession(
            id: SessionID(prefix: "cs", random: randomBytes(12)), subject: subject, connectToken: minted.token,
            slot: TariffSlot(direction: order.direction ?? .importing, type: order.type ?? .commodity),
            mintedLocation: order.location, mintedAction: order.action, returnURL: returnURL,
            liveMode: minted.liveMode, createdAt: askedAt, expiresAt: askedAt.addingTimeInterval(minted.expiresIn))
        let answered = key.map { key in
            MintKey(
                key.key,
                IdempotentMint(
                    body: key.mint.body, startedAt: key.mint.startedAt, owner: key.mint.owner,
                    answer: .init(
                        session: session.id, connectURL: order.connectURL,
                        expiresAt: min(session.expiresAt, askedAt + settings.idempotencyLife))))
        }
        try await cache.add(session, key: answered)
        if let answered {
            keys.withLock { $0.end(answered.key, of: subject, heldBy: answered.mint.owner, as: answered.mint) }
        }
        Counter(label: "connect_bff_mints_total").increment()
        logger.info("minted", metadata: ["bff.session": "\(session.id)"])
        return (session, Self.launchURL(order.connectURL, session))
    }

    private static func launchURL(_ connectURL: String, _ session: ConnectSession) -> String {
        URLQuery.adding([(name: "fp_cot", value: session.connectToken.exposed)], to: connectURL)
    }

    // MARK: - Relay

    /// Whether a token may be relayed.
    package enum Admission: Sendable {
        case pass(AdmittedSession)
        /// `connectTokenUsed` or `connectTokenExpired`.
        case refuse(BFFError)
        /// This process does not know the token; ``Sessions/admit(_:)`` asks the store.
        case unknown
    }

    /// A session whose calls are relayed.
    package struct AdmittedSession: Sendable {
        /// Who minted it: calls of one user share one allowance.
        package let caller: CallerKey
        /// Where the cache has it; nil when it came from the store.
        let handle: CacheHandle?
    }

    /// Judges a token from memory alone; never waits.
    package func known(_ token: ConnectToken) -> Admission {
        cache.inspect(token, judge) ?? .unknown
    }

    /// Judges a token with the store's help, within a quarter of a second.
    /// - Throws: `connectTokenUnknown`, `connectTokenUsed` or `connectTokenExpired`, without asking upstream, or
    ///   `storeUnavailable`.
    package func admit(_ token: ConnectToken) async throws(BFFError) -> AdmittedSession {
        guard var session = try await cache.session(token: token) else { throw .connectTokenUnknown }
        switch judge(&session, at: nil) {
        case .pass(let session): return session
        case .refuse(let error): throw error
        case .unknown: throw .connectTokenUnknown
        }
    }

    /// It is not changed; a copy would cost more than the judgement.
    private func judge(_ session: inout ConnectSession, at handle: CacheHandle?) -> Admission {
        let now = now()
        let outcome = session.outcome(at: now)
        if outcome.state == .expired || now >= session.expiresAt { return .refuse(.connectTokenExpired) }
        return outcome.isFinal
            ? .refuse(.connectTokenUsed) : .pass(AdmittedSession(caller: CallerKey(session.subject), handle: handle))
    }

    /// Notes what a relayed call and its answer said; never waits.
    package func note(_ step: RelayedStep, in session: AdmittedSession) {
        let facts = step.facts(callbackURL: settings.callbackURL, at: now())
        cache.note(facts, of: step.envelope.connectToken, at: session.handle)
    }

    // MARK: - Outcome

    /// A session of `subject`, as it stands now; Flatpeak is asked while its end is open.
    package func session(_ id: SessionID, of subject: Subject) async throws(BFFError) -> ConnectSession {
        guard let session = try await cache.session(id), session.subject == subject else { throw .notFound }
        guard session.facts.relayed || session.facts.leftAt != nil, !session.outcome(at: now()).isFinal,
            cache.shouldPoll(id, at: now(), interval: Self.readInterval)
        else { return session }
        return await learn(session)
    }

    /// Waits until something new is known about a session.
    package func change(of id: SessionID, upTo limit: Duration) async {
        await cache.change(of: id, upTo: limit)
    }

    /// The customer's browser came back from Connect with `token`.
    /// - Returns: Where to send it, nil when the operator named no place; and how the session stands.
    package func callback(_ token: ConnectToken) async throws(BFFError) -> Return {
        guard let session = try await cache.session(token: token) else { throw .connectTokenUnknown }
        let known = session.outcome(at: now())
        var state = known.state
        if !known.isFinal || session.wasAskedBeforeLeaving {
            var facts = SessionFacts()
            facts.leftAt = now()
            let left = await cache.merge(facts, into: session) ?? session
            // The claim goes on when the browser's patience ends; the next read finds what it learnt.
            let learnt = try? await withDeadline(Self.callbackPatience, clock: ContinuousClock()) { [self] in
                await learn(left)
            }
            // Where Flatpeak could not be asked this is `active`, as a read of the session says it, too.
            state = (learnt ?? left).outcome(at: now()).state
        }
        let items = [(name: "session", value: session.id.text), (name: "status", value: state.rawValue)]
        return Return(state: state, url: session.returnURL.map { URLQuery.adding(items, to: $0) })
    }

    /// What the callback tells the browser.
    package struct Return: Sendable {
        package let state: SessionState
        package let url: String?
    }

    /// Flatpeak's event says that the session of `token` is complete; what became of it is asked, not believed.
    ///
    /// - Returns: Whose session that is; nil for a token that was never minted here.
    /// - Throws: What kept Flatpeak or the store from being asked, so that it is tried again.
    package func completed(_ token: ConnectToken) async throws(BFFError) -> Subject? {
        guard let session = try await cache.session(token: token) else { return nil }
        guard !session.outcome(at: now()).isFinal else { return session.subject }
        let toldAt = now()
        var facts = SessionFacts()
        facts.completedAt = toldAt
        guard let known = await cache.merge(facts, into: session) else { return session.subject }
        guard let learnt = await ask(about: known, since: toldAt) else { throw .clientClosed }
        if let failure = learnt.failure { throw failure }
        // Whoever settles the event must not do so before the store has what came of it.
        guard await cache.isPersisted(known.id) else { throw .storeUnavailable }
        return session.subject
    }

    /// What a claim came to.
    private struct Learnt {
        let session: ConnectSession
        /// Why not everything could be asked.
        let failure: BFFError?
    }

    /// Asks Flatpeak what became of the session and keeps the answer.
    ///
    /// Never throws: what cannot be learnt now is learnt later, and the session stands as it stood.
    private func learn(_ session: ConnectSession) async -> ConnectSession {
        await ask(about: session, since: session.left ?? .distantPast)?.session ?? session
    }

    /// Asks Flatpeak, or joins a question that is under way; one that was put before `moment`, which is the customer's
    /// last step or the news of it, is put again.
    /// - Returns: Nil when the caller was cancelled.
    private func ask(about session: ConnectSession, since moment: Date) async -> Learnt? {
        let learnt = await claims.value(for: session.id) { [self] in await claim(session) }
        guard let learnt, let askedAt = learnt.session.facts.askedAt, askedAt < moment else { return learnt }
        return await claims.value(for: session.id) { [self] in await claim(learnt.session) }
    }

    private func claim(_ session: ConnectSession) async -> Learnt {
        var facts = SessionFacts()
        let askedAt = now()
        facts.askedAt = askedAt
        var failure: BFFError?
        do throws(BFFError) {
            var location = session.facts.located?.location
            // A token that gave its location may be dead by now; the location goes on.
            if location == nil || askedAt < session.expiresAt {
                switch try await flatpeak.claim(session.connectToken, for: CallerKey(session.subject)) {
                case .notFinished: facts.notFinishedAt = askedAt
                case .gone: facts.goneAt = askedAt
                case .located(let found, let pricesAvailable):
                    facts.located = .init(location: found, pricesAvailable: pricesAvailable, since: askedAt)
                    location = found
                }
            }
            if let location {
                let status = try await reads.look(at: location, for: CallerKey(session.subject)).status
                facts.status = status[slot: session.slot].map { .init(value: $0, at: askedAt) }
            }
        } catch {
            failure = error
            logger.warning(
                "could not ask how a session ended",
                metadata: ["bff.session": "\(session.id)", "bff.code": "\(error.code)"])
        }
        let before = session.outcome(at: now()).state
        guard let merged = await cache.merge(facts, into: session) else {
            return Learnt(session: session, failure: failure)
        }
        let after = merged.outcome(at: now()).state
        if after != before {
            logger.info("session moved", metadata: ["bff.session": "\(session.id)", "bff.state": "\(after.rawValue)"])
        }
        return Learnt(session: merged, failure: failure)
    }

    // MARK: - On nobody's behalf

    /// Asks Flatpeak about sessions whose time has come: a customer who closed the app before the callback is found,
    /// and a pending connection is followed to its end, over restarts.
    func pollDueSessions() async {
        while await pollSomeDue() == Self.polls, !Task.isCancelled {}
    }

    /// - Returns: How many were due.
    private func pollSomeDue() async -> Int {
        let moment = now(), generation = cache.generation
        let due = try? await cache.ask { store throws(BFFError) in
            try await store.leaseDue(at: moment, limit: Self.polls, until: moment + Self.pollLease)
        }
        // The store may lag behind what a read has learnt meanwhile.
        let sessions = (due ?? []).map { cache.refresh($0, readGeneration: generation) }.filter {
            $0.nextPoll.map { $0 <= moment } ?? false
        }
        await withTaskGroup(of: Void.self) { group in
            for (index, session) in sessions.enumerated() {
                if index >= Self.pollsAtOnce { await group.next() }
                group.addTask { [self] in _ = await learn(session) }
            }
        }
        return due?.count ?? 0
    }

    /// Records how many sessions are in which state.
    private func recordStateGauges() {
        let counts = cache.stateCounts(at: now())
        for state in SessionState.allCases {
            Gauge(label: "connect_bff_sessions", dimensions: [("state", state.rawValue)]).record(counts[state] ?? 0)
        }
    }

    /// Publishes states that come with time alone, of sessions that no request reads.
    func publishTimedChanges() async {
        let moment = now()
        var published: Int?
        repeat {
            published = try? await cache.ask { store throws(BFFError) in
                try await store.publishTimedChanges(at: moment, limit: Self.changes)
            }
        } while published == Self.changes
    }

    private func removeOld() async {
        let moment = now()
        let life = settings.sessionLife
        let removed = try? await cache.ask { store throws(BFFError) in
            try await store.removeSessions(before: moment - life, at: moment)
        }
        if let removed, removed > 0 { logger.info("old sessions removed", metadata: ["bff.count": "\(removed)"]) }
    }

    // MARK: - Reads

    /// The locations that sessions of `subject` gave, and what the user has to do there.
    package func locations(of subject: Subject) async throws(BFFError) -> [(id: LocationID, action: RequiredAction?)] {
        try await cache.ask { store throws(BFFError) in
            let locations = try await store.locations(of: subject)
            let actions = try await store.actions(at: locations)
            return locations.map { ($0, actions[$0]?.required) }
        }
    }

    /// Forgets that `location` is the subject's; Flatpeak keeps what it has.
    package func forget(_ location: LocationID, of subject: Subject) async throws(BFFError) {
        let wasOwned = try await cache.ask { store throws(BFFError) in
            try await store.unbind(location, from: subject)
        }
        guard wasOwned else { throw .notFound }
        reads.forget(location)
        logger.info("location forgotten", metadata: ["bff.location": "\(location)"])
    }

    /// Lets `subject` use `location`, or says that there is no such thing.
    package func requireOwned(_ location: LocationID, by subject: Subject) async throws(BFFError) {
        guard try await cache.owns(subject, location) else { throw .notFound }
    }
}
