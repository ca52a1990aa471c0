import Core
import Flatpeak
package import FoundationEssentials
package import Logging
import Metrics
package import Networking
import Resilience
import Synchronization

/// The write-behind cache of sessions, in front of a store that may be slow or away: the driver of
/// ``SessionCacheState``.
///
/// Reads come from memory where they can. Writes are queued and flushed together: a relayed call waits for none, a mint
/// waits briefly for its own, and a store that failed gets the pending writes once it is available again.
package final class SessionCache: Sendable {
    /// The stores that are slow or unavailable together.
    package typealias Store = SessionStore & SessionHolderStore & ConfirmationStore & IdempotencyKeyStore
        & LocationStore & DeviceStore & BatchStore & WriteLedger

    /// Sessions in one write.
    private static let batch = 500
    private static let shortestPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(2)
    private static let finalFlushTimeout = Duration.seconds(5)

    private struct State {
        var sessions: SessionCacheState
        /// Callers of ``SessionCache/waitForChange(of:timeout:)``.
        var waiters = SessionWaiters()
        /// Whether the store took the last write.
        var isHealthy = true
    }

    /// The result of a read of the store, and the cache's generation before the read.
    private struct Reading {
        let session: ConnectSession?
        let readGeneration: Int
    }

    private let store: any Store
    private let now: @Sendable () -> Date
    private let time: ServiceClock
    private let clock: any Clock<Duration>
    private let timeout: Duration
    private let logger: Logger
    private let state: Mutex<State>
    private let work: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)
    let ownership: OwnershipLookup
    let watchers: LocationWatchers
    /// Concurrent reads of one session are one read of the store.
    private let tokenReads = SingleFlight<ConnectToken, Result<Reading, BFFError>>()
    private let sessionReads = SingleFlight<SessionID, Result<Reading, BFFError>>()
    private let flushes = CoalescedTask<FlushResult>()
    /// An outage is logged as an error once a minute.
    private let alarm = Mutex(Throttle(interval: .seconds(60)))

    /// - Parameters:
    ///   - now: The wall clock, by which the store publishes states.
    ///   - time: A monotonic clock, for pauses between flushes.
    ///   - clock: Times callers out.
    ///   - timeout: How long a caller waits for the store.
    ///   - capacity: Sessions that are cached, and that may be dirty.
    package init(
        store: any Store, now: @escaping @Sendable () -> Date = { Date() }, time: ServiceClock = .real,
        clock: any Clock<Duration>, timeout: Duration = .milliseconds(250), logger: Logger,
        capacity: Int = 100_000
    ) {
        self.store = store
        self.now = now
        self.time = time
        self.clock = clock
        self.timeout = timeout
        self.logger = logger
        state = Mutex(State(sessions: SessionCacheState(capacity: capacity)))
        work = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        ownership = OwnershipLookup(store: store, time: time)
        watchers = LocationWatchers(clock: clock)
    }

    /// Sessions with changes not yet persisted, and whether the store took the last write.
    package var status: (pendingWrites: Int, isHealthy: Bool) {
        state.withLock { ($0.sessions.pendingCount, $0.isHealthy) }
    }

    /// Counts the cached sessions by state; a few at a time, so that no relayed call waits for all.
    func stateCounts(at now: Date) -> [SessionState: Int] {
        var counts: [SessionState: Int] = [:]
        var ids = state.withLock { $0.sessions.ids }[...]
        while !ids.isEmpty {
            let some = ids.prefix(256)
            ids = ids.dropFirst(some.count)
            let states = state.withLock { state in
                some.compactMap { state.sessions.peek($0)?.outcome(at: now).state }
            }
            for state in states { counts[state, default: 0] += 1 }
        }
        return counts
    }

    // MARK: - Reads

    /// Decides on a relayed call without waiting; `nil` when the session is not cached or not current.
    func relayDecision(on token: ConnectToken, at now: Date) -> RelayDecision? {
        state.withLock { $0.sessions.relayDecision(on: token, at: now) }
    }

    /// Reads the session of a token from memory or from the store; from memory alone while the store is unavailable.
    func session(token: ConnectToken) async throws(BFFError) -> ConnectSession? {
        let cached = state.withLock { $0.sessions.session(token: token) }
        if let cached, cached.isCurrent { return cached.session }
        let found: Reading
        do throws(BFFError) {
            found = try await bounded { [self] in
                await tokenReads.value(for: token) { [self] in
                    await read { (store) throws(BFFError) in try await store.session(token: token) }
                }
            }
        } catch {
            guard let cached else { throw error }
            return cached.session
        }
        if let session = found.session { return refresh(session, readGeneration: found.readGeneration) }
        if let cached { state.withLock { $0.sessions.drop(cached.session.id) } }
        return nil
    }

    /// Reads a session from the store and merges its pending writes; from memory while the store is unavailable.
    func session(_ id: SessionID) async throws(BFFError) -> ConnectSession? {
        let found: Reading
        let wasNew = state.withLock { $0.sessions.isNew(id) }
        do throws(BFFError) {
            found = try await bounded { [self] in
                await sessionReads.value(for: id) { [self] in
                    await read { (store) throws(BFFError) in try await store.session(id) }
                }
            }
        } catch {
            guard let session = state.withLock({ $0.sessions.session(id) }) else { throw error }
            return session
        }
        guard let session = found.session else {
            return state.withLock { state in
                // Removed by another process, unless it was too new to be in the store.
                if !wasNew { state.sessions.drop(id) }
                return state.sessions.session(id)
            }
        }
        return refresh(session, readGeneration: found.readGeneration)
    }

    private func read(
        _ read: (any Store) async throws(BFFError) -> ConnectSession?
    ) async -> Result<Reading, BFFError> {
        let readGeneration = generation
        return await Self.result { () throws(BFFError) in
            Reading(session: try await read(store), readGeneration: readGeneration)
        }
    }

    /// The cache's generation; a read of the store that begins afterwards is at least as new.
    var generation: Int { state.withLock { $0.sessions.generation } }

    /// Whether a pending write makes the location the subject's.
    func hasPendingBinding(_ subject: Subject, _ location: LocationID) -> Bool {
        state.withLock { $0.sessions.hasPendingBinding(subject, location) }
    }

    /// Whether a pending write holds the location.
    func hasPendingHold(at location: LocationID) -> Bool {
        state.withLock { $0.sessions.hasPendingHold(at: location) }
    }

    /// Calls the store past the cache, and waits until the timeout; the call itself goes on.
    func withStore<Value: Sendable>(
        _ body: @escaping @Sendable (any Store) async throws(BFFError) -> Value
    ) async throws(BFFError) -> Value {
        try await bounded { [store] in
            await runDetached { await Self.result { () throws(BFFError) in try await body(store) } }
        }
    }

    /// Whether a read may cause another poll of Flatpeak; counts that poll if so.
    func shouldPoll(_ id: SessionID, at now: Date, interval: TimeInterval) -> Bool {
        state.withLock { $0.sessions.shouldPoll(id, at: now, interval: interval) }
    }

    /// Merges a session as it was read from the store.
    /// - Parameter readGeneration: What ``generation`` was before the read.
    func refresh(_ session: ConnectSession, readGeneration: Int) -> ConnectSession {
        let (merged, isDirty) = state.withLock { state in
            (state.sessions.refresh(session, readGeneration: readGeneration), state.sessions.pendingCount > 0)
        }
        if isDirty { work.continuation.yield() }
        return merged
    }

    /// Resumes callers that wait for a session.
    func wake(_ id: SessionID) { state.withLock { $0.waiters.wake(id) } }

    private static func result<Value>(
        _ work: () async throws(BFFError) -> Value
    ) async -> Result<Value, BFFError> {
        do throws(BFFError) { return .success(try await work()) } catch { return .failure(error) }
    }

    /// Waits for `read` until the timeout; `read` must leave work that is to go on to a task of its own.
    private func bounded<Value: Sendable>(
        _ read: @escaping @Sendable () async -> Result<Value, BFFError>?
    ) async throws(BFFError) -> Value {
        let result: Result<Value, BFFError>?
        do {
            result = try await withDeadline(timeout, clock: clock) { await read() }
        } catch {
            Counter(label: "connect_bff_store_reads_late_total").increment()
            throw .storeUnavailable
        }
        guard let result else { throw .clientClosed }
        return try result.get()
    }

    // MARK: - Writes

    /// Adds a new session, and waits until it is persisted or the timeout is over.
    /// - Throws: `storeUnavailable` when so many sessions are dirty that nothing more fits.
    func add(_ session: ConnectSession, key: MintKey?) async throws(BFFError) {
        let version = state.withLock { state in
            state.sessions.isFull ? nil : state.sessions.add(session, key: key)
        }
        guard let version else { throw .storeUnavailable }
        await waitUntilSaved(session.id, version)
    }

    /// Merges facts, which are flushed soon; never waits.
    /// - Parameter handle: See ``SessionCacheState/record(_:of:at:)``.
    func record(_ facts: SessionFacts, of token: ConnectToken, at handle: CacheHandle? = nil) {
        let isDirty = state.withLock { state in
            // There are hardly ever any, and a look-up takes time.
            if !state.waiters.isEmpty, let id = state.sessions.id(of: token) { state.waiters.wake(id) }
            return state.sessions.record(facts, of: token, at: handle)
        }
        if isDirty { work.continuation.yield() }
    }

    /// Merges facts, and waits until they are persisted or the timeout is over.
    /// - Returns: The session as it is cached now; `nil` when there is no such session.
    func merge(_ facts: SessionFacts, into session: ConnectSession) async -> ConnectSession? {
        record(facts, of: session.connectToken)
        let (merged, version) = state.withLock { state in
            (state.sessions.session(session.id), state.sessions.pendingVersion(of: session.id))
        }
        if let version { await waitUntilSaved(session.id, version) }
        return merged
    }

    /// Whether all facts of a session are persisted; waits for pending ones until the timeout.
    func isPersisted(_ id: SessionID) async -> Bool {
        guard let version = state.withLock({ $0.sessions.pendingVersion(of: id) }) else { return true }
        await waitUntilSaved(id, version)
        return state.withLock { $0.sessions.isSaved(id, version: version) }
    }

    /// Whether a session's row is persisted, as far as this process knows; waits for its first write until the timeout.
    func isRowPersisted(_ id: SessionID) async -> Bool {
        guard state.withLock({ $0.sessions.isNew(id) }) else { return true }
        if let version = state.withLock({ $0.sessions.pendingVersion(of: id) }) { await waitUntilSaved(id, version) }
        return state.withLock { !$0.sessions.isNew(id) }
    }

    /// Waits until a version is persisted or the timeout is over; in that case it is written later.
    private func waitUntilSaved(_ id: SessionID, _ version: Int) async {
        let isSaved = try? await withDeadline(timeout, clock: clock) { [self] in
            while state.withLock({ !$0.sessions.isSaved(id, version: version) }) {
                // A flush that was in progress before may lack this version; the next one has it.
                guard await flushOnce() != .failed else { return false }
            }
            return true
        }
        guard isSaved != true else { return }
        Counter(label: "connect_bff_store_writes_late_total").increment()
        work.continuation.yield()
    }

    // MARK: - Listeners

    /// Waits until a session changes, at most `timeout`.
    func waitForChange(of id: SessionID, timeout: Duration) async {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { $0.waiters.add(continuation, to: id) }
        defer { state.withLock { $0.waiters.remove(number, from: id) } }
        _ = try? await withDeadline(timeout, clock: clock) { for await _ in stream { break } }
    }

    /// Whether a caller waits in ``waitForChange(of:timeout:)``.
    func isWaiting(for id: SessionID) -> Bool {
        state.withLock { $0.waiters.contains(id) }
    }

    /// Invalidates the sessions that other processes change, and the locations that change, until cancelled.
    /// - Parameter invalidate: Called for each location at which prices may have changed, before its watchers wake.
    func watch(invalidate: @escaping @Sendable (LocationID) -> Void = { _ in }) async {
        await store.watch { [self] change in
            apply(change, invalidate: invalidate)
            state.withLock { state in
                switch change {
                case .ownershipChanged, .locationChanged, .anyLocationChanged: break
                case .changed(let ids):
                    state.sessions.changed(ids)
                    for id in ids { state.waiters.wake(id) }
                case .subscribed:
                    state.sessions.subscriptionChanged(isActive: true)
                    // Listeners may have missed a change.
                    state.waiters.wakeAll()
                case .unsubscribed: state.sessions.subscriptionChanged(isActive: false)
                }
            }
        }
        // Nothing is notified any more.
        ownership.apply(.unsubscribed)
    }

    // MARK: - Flushing

    /// Flushes pending writes, until cancelled.
    func run() async {
        var pause = Self.shortestPause
        for await _ in work.stream {
            while await flushOnce() == .failed, (try? await time.sleep(pause)) != nil {
                pause = min(Self.longestPause, pause * 2)
            }
            pause = Self.shortestPause
        }
    }

    /// Flushes pending writes, for at most five seconds; called once everything else has ended.
    func finish() async {
        _ = try? await withDeadline(Self.finalFlushTimeout, clock: clock) { [self] in
            while await flushOnce() == .some {}
        }
    }

    /// Flushes one batch, or joins the flush in progress: one write at a time, and changes that come meanwhile are
    /// together in the next one.
    private func flushOnce() async -> FlushResult {
        await flushes.value { [self] in await flush() } ?? .failed
    }

    private enum FlushResult { case nothing, some, failed }

    private func flush() async -> FlushResult {
        let (batch, orphans) = state.withLock {
            ($0.sessions.takeDirty(Self.batch), Array($0.sessions.orphanedFacts.keys))
        }
        guard !batch.isEmpty || !orphans.isEmpty else { return .nothing }
        do throws(BFFError) {
            let saved = try await batch.isEmpty ? SavedSessions() : store.save(batch.map(\.write), at: now())
            state.withLock { state in
                state.isHealthy = true
                state.sessions.refused(batch.filter { saved.refused.contains($0.id) })
                state.sessions.saved(batch.filter { !saved.refused.contains($0.id) }, as: saved.kept)
            }
        } catch {
            state.withLock { $0.sessions.notSaved(batch) }
            failed()
            return .failed
        }
        do throws(BFFError) {
            for token in orphans {
                let readGeneration = generation
                if let session = try await store.session(token: token) {
                    _ = refresh(session, readGeneration: readGeneration)
                    state.withLock { $0.waiters.wake(session.id) }
                } else {
                    state.withLock { $0.sessions.dropOrphan(token) }
                }
            }
        } catch {
            failed()
            return .failed
        }
        return status.pendingWrites > 0 ? .some : .nothing
    }

    private func failed() {
        state.withLock { $0.isHealthy = false }
        Counter(label: "connect_bff_store_write_failures_total").increment()
        logger.log(
            level: alarm.withLock { $0.isDue(at: time.now()) } ? .error : .debug,
            "store does not accept writes; they stay pending and are retried",
            metadata: ["bff.pending": "\(status.pendingWrites)"])
    }
}
