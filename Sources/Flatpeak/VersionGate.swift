import Core
import Logging
import Resilience
import Synchronization

/// Whether Flatpeak serves the API version that calls ask for (upstream.md §0).
///
/// An account that was moved to a newer version refuses every call of an older one, and there is no way back. Calls are
/// then refused here, without asking, but for one a minute and the service's own: Flatpeak's support may undo what the
/// dashboard cannot. It takes two users, or a call of the service's own, to be believed: one user's refusal may be about
/// that user's location.
///
/// Pure: time comes in.
struct VersionState: Sendable {
    private(set) var isRefused = false
    /// Those whose calls were refused since the last one that was accepted.
    private var refusedCallers: Set<CallerKey> = []
    private var nextTry: ContinuousClock.Instant?
    private var alarmedAt: ContinuousClock.Instant?

    static let pause = Duration.seconds(60)

    /// Whether a call may be sent; while the version is refused, the one that may takes the minute's try.
    /// - Parameter caller: `nil` for a call of the service's own, which is always sent.
    mutating func admit(at now: ContinuousClock.Instant, by caller: CallerKey?) -> Bool {
        guard isRefused, caller != nil else { return true }
        if let nextTry, now < nextTry { return false }
        nextTry = now + Self.pause
        return true
    }

    /// Flatpeak refused the version.
    /// - Returns: Whether the log should say so: once a minute, however many calls were in flight.
    mutating func refused(at now: ContinuousClock.Instant, by caller: CallerKey?) -> Bool {
        if let caller, !isRefused {
            refusedCallers.insert(caller)
            guard refusedCallers.count > 1 else { return false }
        }
        let isDue = !isRefused || alarmedAt.map { $0 + Self.pause <= now } ?? true
        if !isRefused { nextTry = now + Self.pause }
        isRefused = true
        if isDue { alarmedAt = now }
        return isDue
    }

    /// Flatpeak took the version.
    /// - Returns: Whether it was refused before.
    mutating func accepted() -> Bool {
        defer {
            isRefused = false
            if !refusedCallers.isEmpty { refusedCallers = [] }
        }
        return isRefused
    }
}

/// The driver of ``VersionState``, shared by the login and all calls of the API host.
final class VersionGate: Sendable {
    private let state = Mutex(VersionState())
    private let version: FlatpeakVersion
    private let time: UpstreamTime
    private let logger: Logger

    init(_ version: FlatpeakVersion, time: UpstreamTime, logger: Logger) {
        self.version = version
        self.time = time
        self.logger = logger
    }

    var isRefused: Bool { state.withLock(\.isRefused) }

    /// - Throws: `upstreamVersionNotSupported` while Flatpeak refuses the version and no try is due.
    func admit(_ caller: CallerKey?) throws(BFFError) {
        guard state.withLock({ $0.admit(at: time.now(), by: caller) }) else { throw .upstreamVersionNotSupported }
    }

    /// Takes note of what an answer says about the version.
    func note(_ answer: UpstreamAnswer, for caller: CallerKey?) {
        let metadata: Logger.Metadata = ["bff.version": "\(version.rawValue)"]
        // The status first: the body of a good answer may be long.
        if answer.status == 422, answer.failure == .upstreamVersionNotSupported {
            guard state.withLock({ $0.refused(at: time.now(), by: caller) }) else { return }
            logger.error(
                """
                Flatpeak refuses this server's API version, since the account was moved to a newer one: calls are \
                refused until FLATPEAK_VERSION is set to it, with a release that has it; connect-bff doctor names it
                """, metadata: metadata)
        } else if answer.takesVersion, state.withLock({ $0.accepted() }) {
            logger.notice("Flatpeak takes this server's API version again", metadata: metadata)
        }
    }
}

extension UpstreamAnswer {
    /// Whether Flatpeak came as far as the version, and took it: it is looked at after the credentials.
    fileprivate var takesVersion: Bool {
        status < 500 && status != 429 && !mayBeAboutBearer && !isBlockPage
    }
}
