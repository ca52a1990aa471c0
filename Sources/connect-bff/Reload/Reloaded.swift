import Logging
import Metrics
import Synchronization

/// What makes a reload run.
enum ReloadTrigger {
    /// The regular interval has passed.
    case tick
    /// SIGHUP: an operator has changed something.
    case hangup
}

/// Why a value could not be loaded or put to use; holds no secret.
struct ReloadFailure: Error {
    let why: String
}

/// A value that is loaded again while the service runs, such as a credential in a file.
///
/// A load that fails keeps the value in use. It is counted every time, and logged as an error once until its reason
/// changes or a load succeeds.
final class Reloaded<Value: Equatable & Sendable>: Sendable {
    private let name: String
    private let logger: Logger
    private let failures: Counter
    private let load: @Sendable (ReloadTrigger) async throws(ReloadFailure) -> Value?
    private let adopt: @Sendable (Value) async throws(ReloadFailure) -> Void
    private let state: Mutex<(inUse: Value?, failure: String?)>

    /// - Parameters:
    ///   - name: A plural for the log, such as `state keys`.
    ///   - inUse: The value that the service started with; the first load may already find another one.
    ///   - load: Reads the value; `nil` when its setting is not given.
    ///   - adopt: Puts a changed value to use.
    init(
        _ name: String, inUse: Value?, logger: Logger,
        failures: Counter = Counter(label: "connect_bff_credential_reload_failures_total"),
        load: @escaping @Sendable (ReloadTrigger) async throws(ReloadFailure) -> Value?,
        adopt: @escaping @Sendable (Value) async throws(ReloadFailure) -> Void
    ) {
        self.name = name
        self.logger = logger
        self.failures = failures
        self.load = load
        self.adopt = adopt
        state = Mutex((inUse, nil))
    }

    /// The value in use; `nil` when its setting is not given.
    var inUse: Value? { state.withLock { $0.inUse } }

    /// Loads the value, and adopts it if it has changed.
    ///
    /// Must not run twice at the same time.
    func reload(_ trigger: ReloadTrigger) async {
        do throws(ReloadFailure) {
            if let value = try await load(trigger), value != inUse {
                try await adopt(value)
                state.withLock { $0.inUse = value }
                logger.notice("changed \(name) are in use")
            }
            state.withLock { $0.failure = nil }
        } catch {
            failures.increment()
            let isKnown = state.withLock { state in
                defer { state.failure = error.why }
                return state.failure == error.why
            }
            logger.log(
                level: isKnown ? .debug : .error, "cannot reload the \(name); the old ones stay in use",
                metadata: ["bff.why": "\(error.why)"])
        }
    }
}
