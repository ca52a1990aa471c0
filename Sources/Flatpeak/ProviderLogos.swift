package import Core
import Networking
package import Resilience
import Synchronization

/// Provider logos, fetched from the one host that has them and cached for all customers.
///
/// A client that asks for many digests costs the others nothing: it has a rate of fetches, a share of the slots and of the
/// queue for them, and a share of the cache.
package final class ProviderLogos: Sendable {
    private let flatpeak: FlatpeakClient
    private let now: @Sendable () -> ContinuousClock.Instant
    private let cache: Mutex<LogoCache>
    private let misses = Mutex(RateLimiter(RateLimit(count: 120, period: .seconds(60)), capacity: 10_000))
    private let slots = Mutex(
        BulkheadQueue<AsyncStream<Void>.Continuation>(
            limit: Operation.BulkheadKind.logos.limit, share: Operation.BulkheadKind.logos.share, length: 1024,
            lengthShare: 128))
    private let fetches = SingleFlight<LogoDigest, Void>(cancelsAbandonedWork: true)

    /// - Parameter now: The clock by which logos age.
    package init(
        _ flatpeak: FlatpeakClient, now: @escaping @Sendable () -> ContinuousClock.Instant = ServiceClock.real.now
    ) {
        self.flatpeak = flatpeak
        self.now = now
        cache = Mutex(LogoCache())
    }

    /// Returns a logo; `nil` when there is none, or none now.
    ///
    /// May wait for a slot until its task is cancelled, and then for the fetch, which has a deadline.
    /// - Parameter client: Whose share is used.
    /// - Throws: `rateLimited` when the client caused too many fetches.
    package func image(_ digest: LogoDigest, for client: CallerKey) async throws(BFFError) -> LogoImage? {
        if case .known(let image) = find(digest, for: client) { return image }
        guard flatpeak.hasLogos else { return nil }
        let verdict = misses.withLock { $0.take(client, at: now()) }
        guard verdict.isAllowed else { throw .rateLimited(retryAfter: max(1, verdict.wait.wholeSeconds)) }
        // Each client queues for itself, and the first with a slot begins the fetch that all of them share.
        guard await acquireSlot(for: client) else { return nil }
        defer { releaseSlot(of: client) }
        await fetches.value(for: digest) { await self.fetch(digest, for: client) }
        if case .known(let image) = find(digest, for: client) { return image }
        return nil
    }

    private func find(_ digest: LogoDigest, for client: CallerKey) -> LogoCache.Found {
        cache.withLock { $0.find(digest, for: client, at: now()) }
    }

    private func fetch(_ digest: LogoDigest, for client: CallerKey) async {
        // An earlier fetch may have ended while this client queued.
        if case .known = find(digest, for: client) { return }
        let outcome: LogoCache.Outcome
        do throws(BFFError) {
            switch try await flatpeak.logo(digest, for: client) {
            case .success(let answer): outcome = LogoCache.Outcome(answer)
            case .failure(.cancelled): return
            case .failure: outcome = .failed
            }
        } catch {
            // Nothing was sent, which says nothing about the logo.
            return
        }
        cache.withLock { $0.insert(outcome, for: digest, by: client, at: now()) }
    }

    // MARK: - Slots

    /// Requests that have a slot, and those that queue for one.
    var load: (inUse: Int, waiting: Int) { slots.withLock { ($0.inUse, $0.waiting) } }

    /// - Returns: False when too many wait already, or the caller was cancelled first.
    private func acquireSlot(for client: CallerKey) async -> Bool {
        let (grants, waiter) = AsyncStream<Void>.makeStream()
        switch slots.withLock({ $0.acquire(waiter, for: client) }) {
        case .acquired: return true
        case .refused: return false
        case .queued(let number):
            for await _ in grants { return true }
            // Cancelled, perhaps at the moment of the grant.
            return !slots.withLock { $0.abandon(number) }
        }
    }

    private func releaseSlot(of client: CallerKey) {
        let next = slots.withLock { $0.release(client) }
        next?.yield()
        next?.finish()
    }
}

extension LogoCache.Outcome {
    /// What an answer means: a redirect is a failure, since it is not followed.
    ///
    /// Stores of files that do not list them say 403 for one that does not exist.
    fileprivate init(_ answer: HTTPAnswer) {
        switch answer.status {
        case 200: self = LogoImage(answer.body).map(Self.image) ?? .missing
        case 403, 404, 410: self = .missing
        default: self = .failed
        }
    }
}
