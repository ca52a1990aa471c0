import Core
import Logging
import Networking
import Resilience
import Synchronization

/// Whether Flatpeak serves the API version that calls ask for (upstream.md §0).
///
/// An account that was moved to a newer version refuses every call of an older one, and there is no way back.
///
/// Pure: time comes in.
struct VersionState: Sendable {
    private(set) var isRefused = false
    private var alarmedAt: ContinuousClock.Instant?

    private static let alarmPause = Duration.seconds(60)

    /// Flatpeak refused the version.
    /// - Returns: Whether the log should say so: once a minute.
    mutating func refused(at now: ContinuousClock.Instant) -> Bool {
        isRefused = true
        if let alarmedAt, now < alarmedAt + Self.alarmPause { return false }
        alarmedAt = now
        return true
    }

    /// Flatpeak took the version.
    /// - Returns: Whether it was refused before.
    mutating func accepted() -> Bool {
        defer { isRefused = false }
        return isRefused
    }
}

/// The driver of ``VersionState``, shared by the login and all calls of the API host.
///
/// A user's call that is refused may be about that user's location, and users can be several. So it only makes the service
/// ask by a call of its own, which decides (I2). While the version is refused users' calls are not sent, and the service
/// asks once a minute: Flatpeak's support may undo what the dashboard cannot.
final class VersionGate: Sendable {
    private let state = Mutex(VersionState())
    private let version: FlatpeakVersion
    private let time: ServiceClock
    private let logger: Logger
    /// The version is in doubt, or refused.
    private let doubts = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    static let probeInterval = Duration.seconds(60)

    init(_ version: FlatpeakVersion, time: ServiceClock, logger: Logger) {
        self.version = version
        self.time = time
        self.logger = logger
    }

    var isRefused: Bool { state.withLock(\.isRefused) }

    /// - Parameter caller: `nil` for a call of the service's own, which is always sent.
    /// - Throws: `upstreamVersionNotSupported` while Flatpeak refuses the version.
    func admit(_ caller: CallerKey?) throws(BFFError) {
        if caller != nil, isRefused { throw .upstreamVersionNotSupported }
    }

    /// Takes note of what an answer says about the version.
    /// - Parameter caller: `nil` for a call of the service's own.
    func note(_ answer: HTTPAnswer, for caller: CallerKey?) {
        let metadata: Logger.Metadata = ["bff.version": "\(version.rawValue)"]
        // The status first: the body of a good answer may be long.
        if answer.status == 422, answer.failure == .upstreamVersionNotSupported {
            doubts.continuation.yield()
            guard caller == nil, state.withLock({ $0.refused(at: time.now()) }) else { return }
            logger.error(
                """
                Flatpeak refuses this server's API version, since the account was moved to a newer one: calls are \
                refused until FLATPEAK_VERSION is set to it, with a release that has it; connect-bff doctor names it
                """, metadata: metadata)
        } else if caller == nil, answer.takesVersion, state.withLock({ $0.accepted() }) {
            logger.notice("Flatpeak takes this server's API version again", metadata: metadata)
        }
    }

    /// Asks when the version is in doubt, and once a minute while it is refused, until cancelled.
    /// - Parameter ask: Makes a call of the service's own, whose answer goes to ``note(_:for:)``.
    func probe(_ ask: () async -> Void) async {
        for await _ in doubts.stream {
            repeat {
                await ask()
                guard (try? await time.sleep(Self.probeInterval)) != nil else { return }
            } while isRefused
        }
    }
}

extension HTTPAnswer {
    /// Whether Flatpeak came as far as the version, and took it: it is looked at after the credentials.
    fileprivate var takesVersion: Bool {
        status < 500 && status != 429 && !mayBeAboutBearer && !isBlockPage
    }
}
