import Core
package import Networking
package import Resilience
import Synchronization

/// A key set from its one address, kept fresh: the driver of ``RefreshAhead``.
///
/// All that wait share one read, which is bounded by the time limit of `read`.
package final class RefreshedKeys<Keys: Sendable>: Sendable {
    private let state: Mutex<(keys: RefreshAhead<Keys>, waiting: Int)>
    private let flight = CoalescedTask<Void>()
    private let read: @Sendable () async throws(DocumentFailure) -> Keys?
    private let failed: @Sendable (_ isAlarm: Bool, _ why: DocumentFailure?) -> Void
    private let time: ServiceClock
    private let alarm = Mutex(Throttle(interval: .seconds(600)))

    /// Callers that wait for a read at a time: they hold slots meanwhile, and anybody can name a key that is unknown.
    private static var mostWaiting: Int { 128 }
    /// The longest time between two looks whether a read is due.
    private static var tick: Duration { .seconds(30) }

    /// - Parameters:
    ///   - read: Reads the key set; throws, or returns nil, when it cannot be read. An empty set is one, in which no key
    ///     is known.
    ///   - failed: Called after each read that failed, with the reason where it is known; it is an alarm once in ten
    ///     minutes.
    package init(
        _ rules: RefreshAhead<Keys>.Rules, time: ServiceClock,
        read: @escaping @Sendable () async throws(DocumentFailure) -> Keys?,
        failed: @escaping @Sendable (_ isAlarm: Bool, _ why: DocumentFailure?) -> Void
    ) {
        state = Mutex((RefreshAhead(rules), 0))
        self.time = time
        self.read = read
        self.failed = failed
    }

    /// The keys; nil when none were read yet, or too long ago.
    package var keys: Keys? { state.withLock { $0.keys.current(at: time.now()) } }

    /// Whether the keys were ever read.
    package var wereRead: Bool { state.withLock { $0.keys.wasRead } }

    /// Time since the keys were read; nil when there are none to use.
    package var age: Duration? {
        state.withLock { $0.keys.current(at: time.now()) == nil ? nil : $0.keys.age(at: time.now()) }
    }

    /// Whole seconds until another read may succeed, at least 1.
    package var retryAfter: Int { max(1, state.withLock { $0.keys.untilRetry(at: time.now()) }.wholeSeconds) }

    /// Keeps the keys fresh until cancelled.
    package func run() async {
        while !Task.isCancelled {
            if state.withLock({ $0.keys.claimDue(at: time.now()) }) { await join() }
            let pause = state.withLock { $0.keys.untilDue(at: time.now()) }
            guard (try? await time.sleep(min(max(pause, .milliseconds(100)), Self.tick))) != nil else { return }
        }
    }

    /// Waits for a read that may bring the key that a caller lacks, if one is under way or may begin.
    /// - Returns: False when too many wait already.
    package func refresh() async -> Bool {
        let isAdmitted: Bool? = state.withLock { state in
            guard state.waiting < Self.mostWaiting else { return false }
            guard state.keys.claimOnDemand(at: time.now()) else { return nil }
            state.waiting += 1
            return true
        }
        guard let isAdmitted else { return true }
        guard isAdmitted else { return false }
        await join()
        state.withLock { $0.waiting -= 1 }
        return true
    }

    /// Reads the keys now, since their source is said to have changed.
    package func reload() async {
        _ = state.withLock { $0.keys.claimNow() }
        await join()
    }

    private func join() async {
        await flight.value { [self] in
            guard state.withLock({ $0.keys.begin(at: time.now()) }) else { return }
            var why: DocumentFailure?
            do throws(DocumentFailure) {
                if let keys = try await read() { return state.withLock { $0.keys.succeeded(keys, at: time.now()) } }
            } catch {
                why = error
            }
            state.withLock { $0.keys.failed(at: time.now()) }
            failed(alarm.withLock { $0.isDue(at: time.now()) }, why)
        }
    }
}
