import Core
package import Flatpeak
package import FoundationEssentials
package import Logging
import Metrics
import Resilience
import Synchronization

/// What is known of sessions, in front of a store that may be slow or away: the driver of ``KnownSessions``.
///
/// Reads come from memory where they can. Writes are lined up and told to the store together, so that a relayed call
/// waits for none, a mint for its own a moment, and what a failing store missed is told when it is back.
package final class SessionLedger: Sendable {
    /// Sessions told to the store in one write.
    private static let batch = 500
    private static let shortestPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(2)
    private static let lastEffort = Duration.seconds(5)

    private struct State {
        var known: KnownSessions
        /// Those who wait for anything new about a session.
        var listening: [SessionID: [Int: AsyncStream<Void>.Continuation]] = [:]
        var number = 0
        /// Whether the store took the last write.
        var isHealthy = true

        /// Tells those who wait in ``SessionLedger/change(of:upTo:)``.
        func wake(_ id: SessionID) { listening[id]?.values.forEach { $0.yield() } }
    }

    /// What the store said, and how much had been heard of other processes when it was asked.
    private struct Reading {
        let session: ConnectSession?
        let askedAt: Int
    }

    private let store: any SessionStore
    private let now: @Sendable () -> Date
    private let time: UpstreamTime
    private let patience: Duration
    private let logger: Logger
    private let state: Mutex<State>
    private let work: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)
    /// A crowd that asks for one session asks the store once.
    private let tokenReads = SingleFlight<ConnectToken, Result<Reading, BFFError>>()
    private let sessionReads = SingleFlight<SessionID, Result<Reading, BFFError>>()
    private let payments = SingleFlight<Int, Payment>()
    /// An outage is told once a minute.
    private let alarm = Mutex(OncePer(.seconds(60)))

    /// - Parameters:
    ///   - now: The wall clock, by which the store judges what is news to the integrator.
    ///   - patience: How long anybody waits for the store.
    ///   - capacity: Sessions that are remembered, and that the store may be owed.
    package init(
        store: any SessionStore, now: @escaping @Sendable () -> Date = { Date() }, time: UpstreamTime = .real,
        patience: Duration = .milliseconds(250), logger: Logger, capacity: Int = 100_000
    ) {
        self.store = store
        self.now = now
        self.time = time
        self.patience = patience
        self.logger = logger
        state = Mutex(State(known: KnownSessions(capacity: capacity)))
        work = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Sessions of which the store has still to be told something, and whether it takes what it is told.
    package var debt: (owed: Int, isHealthy: Bool) { state.withLock { ($0.known.owedCount, $0.isHealthy) } }

    /// How many sessions that this process remembers are in which state.
    ///
    /// It looks at some at a time, so that no relayed call waits for all.
    func census(at moment: Date) -> [SessionState: Int] {
        var counts: [SessionState: Int] = [:]
        var ids = state.withLock { $0.known.ids }[...]
        while !ids.isEmpty {
            let some = ids.prefix(256)
            ids = ids.dropFirst(some.count)
            let states = state.withLock { state in some.compactMap { state.known.peek($0)?.outcome(at: moment).state } }
            for state in states { counts[state, default: 0] += 1 }
        }
        return counts
    }

    // MARK: - Reads

    /// What `judge` says of a session that this process knows, and where; never waits.
    func known<Verdict: Sendable>(
        _ token: ConnectToken, _ judge: (_ session: inout ConnectSession, _ place: Int?) -> Verdict
    ) -> Verdict? {
        state.withLock { $0.known.judge(token, judge) }
    }

    /// The session of a token, from memory or from the store; from memory alone when the store is away.
    func session(token: ConnectToken) async throws(BFFError) -> ConnectSession? {
        let known = state.withLock { $0.known.session(token: token) }
        if let known, known.isCurrent { return known.session }
        let found: Reading
        do throws(BFFError) {
            found = try await bounded { [self] in
                await tokenReads.value(for: token) { [self] in
                    await read { (store) throws(BFFError) in try await store.session(token: token) }
                }
            }
        } catch {
            guard let known else { throw error }
            return known.session
        }
        if let session = found.session { return learn(session, askedAt: found.askedAt) }
        if let known { state.withLock { $0.known.drop(known.session.id) } }
        return nil
    }

    /// A session as the store has it, with what the store has not heard yet; from memory when the store is away.
    func session(_ id: SessionID) async throws(BFFError) -> ConnectSession? {
        let found: Reading
        let wasNew = state.withLock { $0.known.isNew(id) }
        do throws(BFFError) {
            found = try await bounded { [self] in
                await sessionReads.value(for: id) { [self] in
                    await read { (store) throws(BFFError) in try await store.session(id) }
                }
            }
        } catch {
            guard let session = state.withLock({ $0.known.session(id) }) else { throw error }
            return session
        }
        guard let session = found.session else {
            return state.withLock { state in
                // Removed by another process, unless it was so new that the store had still to hear of it.
                if !wasNew { state.known.drop(id) }
                return state.known.session(id)
            }
        }
        return learn(session, askedAt: found.askedAt)
    }

    private func read(
        _ read: (any SessionStore) async throws(BFFError) -> ConnectSession?
    ) async -> Result<Reading, BFFError> {
        let askedAt = news
        return await Self.result { () throws(BFFError) in Reading(session: try await read(store), askedAt: askedAt) }
    }

    /// How much was heard of other processes; what the store is asked for afterwards is at least as new.
    var news: Int { state.withLock { $0.known.news } }

    /// Whether the location is the subject's, or is about to be.
    func owns(_ subject: Subject, _ location: LocationID) async throws(BFFError) -> Bool {
        if state.withLock({ $0.known.owes(subject, location) }) { return true }
        return try await ask { store throws(BFFError) in try await store.owns(subject, location) }
    }

    /// Asks the store something else, and waits no longer for it than for anything.
    func ask<Value: Sendable>(
        _ question: @escaping @Sendable (any SessionStore) async throws(BFFError) -> Value
    ) async throws(BFFError) -> Value {
        let flight = SingleFlight<Int, Result<Value, BFFError>>()
        return try await bounded { [store] in
            await flight.value(for: 0) { await Self.result { () throws(BFFError) in try await question(store) } }
        }
    }

    /// Whether a read may make us ask Flatpeak about a session again.
    func mayAsk(about id: SessionID, at now: Date, interval: TimeInterval) -> Bool {
        state.withLock { $0.known.mayAsk(about: id, at: now, interval: interval) }
    }

    /// What the store just said of a session.
    /// - Parameter askedAt: What ``news`` was before it was asked.
    func learn(_ session: ConnectSession, askedAt: Int) -> ConnectSession {
        let (merged, isOwed) = state.withLock { state in
            (state.known.learn(session, askedAt: askedAt), state.known.owedCount > 0)
        }
        if isOwed { work.continuation.yield() }
        return merged
    }

    private static func result<Value>(
        _ work: () async throws(BFFError) -> Value
    ) async -> Result<Value, BFFError> {
        do throws(BFFError) { return .success(try await work()) } catch { return .failure(error) }
    }

    /// Gives up on `read` when patience ends; the read itself goes on, and belongs to its flight.
    private func bounded<Value: Sendable>(
        _ read: @escaping @Sendable () async -> Result<Value, BFFError>?
    ) async throws(BFFError) -> Value {
        let result: Result<Value, BFFError>?
        do {
            result = try await withDeadline(patience, clock: ContinuousClock()) { await read() }
        } catch {
            Counter(label: "connect_bff_store_reads_late_total").increment()
            throw .storeUnavailable
        }
        guard let result else { throw .clientClosed }
        return try result.get()
    }

    // MARK: - Writes

    /// Keeps a new session, and waits a moment for the store to have it.
    /// - Throws: `storeUnavailable` when the store is owed so much that nothing more fits.
    func add(_ session: ConnectSession, key: MintKey?) async throws(BFFError) {
        let version = state.withLock { state in
            state.known.isFull ? nil : state.known.add(session, key: key)
        }
        guard let version else { throw .storeUnavailable }
        await saved(session.id, version)
    }

    /// Merges facts; the store hears of them soon.
    ///
    /// Never waits.
    /// - Parameter place: See ``KnownSessions/note(_:of:at:)``.
    func note(_ facts: SessionFacts, of token: ConnectToken, at place: Int? = nil) {
        let isOwed = state.withLock { state in
            // Nearly always nobody does, and even then a look-up takes its time.
            if !state.listening.isEmpty, let id = state.known.id(of: token) { state.wake(id) }
            return state.known.note(facts, of: token, at: place)
        }
        if isOwed { work.continuation.yield() }
    }

    /// Merges facts and waits a moment for the store to have them.
    /// - Returns: The session as it is known now; nil when there is no such session.
    func merge(_ facts: SessionFacts, into session: ConnectSession) async -> ConnectSession? {
        note(facts, of: session.connectToken)
        let (merged, version) = state.withLock { state in
            (state.known.session(session.id), state.known.owedVersion(of: session.id))
        }
        if let version { await saved(session.id, version) }
        return merged
    }

    /// Whether the store has all that is known of a session, once it was told a moment ago.
    func hasTold(of id: SessionID) async -> Bool {
        guard let version = state.withLock({ $0.known.owedVersion(of: id) }) else { return true }
        await saved(id, version)
        return state.withLock { $0.known.isSaved(id, version: version) }
    }

    /// Waits until the store has a version, or patience ends: then it is told later.
    private func saved(_ id: SessionID, _ version: Int) async {
        let isSaved = try? await withDeadline(patience, clock: ContinuousClock()) { [self] in
            while state.withLock({ !$0.known.isSaved(id, version: version) }) {
                // One that was under way before may have left this one out; the next has it.
                guard await payOnce() != .failed else { return false }
            }
            return true
        }
        guard isSaved != true else { return }
        Counter(label: "connect_bff_store_writes_late_total").increment()
        work.continuation.yield()
    }

    // MARK: - Listeners

    /// Waits for anything new about a session.
    func change(of id: SessionID, upTo limit: Duration) async {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.number += 1
            state.listening[id, default: [:]][state.number] = continuation
            return state.number
        }
        defer {
            state.withLock { state in
                state.listening[id]?[number] = nil
                if state.listening[id]?.isEmpty == true { state.listening[id] = nil }
            }
        }
        _ = try? await withDeadline(limit, clock: ContinuousClock()) { for await _ in stream { break } }
    }

    /// Whether somebody waits in ``change(of:upTo:)``.
    func isListening(to id: SessionID) -> Bool {
        state.withLock { $0.listening[id] != nil }
    }

    /// Takes what the store tells of other processes, until cancelled.
    func watch() async {
        await store.watch { [self] news in
            state.withLock { state in
                switch news {
                case .changed(let ids):
                    state.known.changed(ids)
                    for id in ids { state.wake(id) }
                case .listening:
                    state.known.hears(true)
                    // They may have missed what they wait for.
                    for id in state.listening.keys { state.wake(id) }
                case .deaf: state.known.hears(false)
                }
            }
        }
    }

    // MARK: - The line

    /// Tells the store what it is owed, until cancelled.
    func run() async {
        var pause = Self.shortestPause
        for await _ in work.stream {
            while await payOnce() == .failed, (try? await time.sleep(pause)) != nil {
                pause = min(Self.longestPause, pause * 2)
            }
            pause = Self.shortestPause
        }
    }

    /// Tells the store what it is still owed when everything else has ended.
    func finish() async {
        _ = try? await withDeadline(Self.lastEffort, clock: ContinuousClock()) { [self] in
            while await payOnce() == .some {}
        }
    }

    /// One write at a time: those who come meanwhile are in the next one together.
    private func payOnce() async -> Payment {
        await payments.value(for: 0) { [self] in await pay() } ?? .failed
    }

    private enum Payment { case nothing, some, failed }

    /// Tells the store once what it is owed.
    private func pay() async -> Payment {
        let (batch, strays) = state.withLock { ($0.known.take(Self.batch), Array($0.known.strays.keys)) }
        guard !batch.isEmpty || !strays.isEmpty else { return .nothing }
        do throws(BFFError) {
            let saved = try await batch.isEmpty ? SavedSessions() : store.save(batch.map(\.write), at: now())
            state.withLock { state in
                state.isHealthy = true
                state.known.refused(batch.filter { saved.refused.contains($0.id) })
                state.known.saved(batch.filter { !saved.refused.contains($0.id) }, as: saved.kept)
            }
        } catch {
            state.withLock { $0.known.notSaved(batch) }
            failed()
            return .failed
        }
        do throws(BFFError) {
            for token in strays {
                let askedAt = news
                if let session = try await store.session(token: token) {
                    _ = learn(session, askedAt: askedAt)
                    state.withLock { $0.wake(session.id) }
                } else {
                    state.withLock { $0.known.dropStray(token) }
                }
            }
        } catch {
            failed()
            return .failed
        }
        return debt.owed > 0 ? .some : .nothing
    }

    private func failed() {
        state.withLock { $0.isHealthy = false }
        Counter(label: "connect_bff_store_write_failures_total").increment()
        logger.log(
            level: alarm.withLock { $0.isDue(at: time.now()) } ? .error : .debug,
            "the store does not take writes; they are kept and tried again", metadata: ["bff.owed": "\(debt.owed)"])
    }
}
