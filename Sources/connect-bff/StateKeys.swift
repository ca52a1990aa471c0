import Core
import FoundationEssentials
import Keys
import Logging
import Metrics
import Sessions
import Synchronization

/// The keys under which connect tokens are sealed, as they are replaced while the service runs.
final class StateKeys: Sendable {
    private let store: any SessionStore
    private let read: @Sendable () async throws(Settings.Invalid) -> StateSettings
    private let logger: Logger
    private let inUse: Mutex<[[UInt8]]?>

    /// - Parameters:
    ///   - first: The keys with which the store was opened.
    ///   - read: Reads the settings of the state anew.
    init(
        _ first: [[UInt8]]?, of store: any SessionStore,
        read: @escaping @Sendable () async throws(Settings.Invalid) -> StateSettings, logger: Logger
    ) {
        self.store = store
        self.read = read
        self.logger = logger
        inUse = Mutex(first)
    }

    /// A short name of the key that seals; nil while that is the one beside the database.
    var fingerprint: String? {
        inUse.withLock { $0?.first }.map { Digest.fingerprint(Data($0).base64EncodedString()) }
    }

    /// Takes up keys that were changed in their file; what is sealed under an older one is sealed anew.
    func reload() async {
        do throws(Settings.Invalid) {
            guard let keys = try await read().keys, keys != inUse.withLock({ $0 }) else { return }
            do throws(BFFError) {
                try await store.adopt(stateKeys: keys)
                inUse.withLock { $0 = keys }
                logger.notice("changed state keys are in use; connect tokens are sealed under the first")
            } catch {
                failed("the store cannot be written now; it is tried again")
            }
        } catch {
            failed(error.problems.joined(separator: "; "))
        }
    }

    private func failed(_ why: String) {
        Counter(label: "connect_bff_credential_reload_failures_total").increment()
        logger.error("changed state keys cannot be used, the old ones stay", metadata: ["bff.why": "\(why)"])
    }
}
