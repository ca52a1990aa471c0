import Keys
import Logging
import Metrics
import Synchronization

/// A keys file that is read again while the service runs: the driver of ``RevocableFile``.
final class WatchedKeys: Sendable {
    private let path: String
    private let file: Mutex<RevocableFile>
    /// Whether the log says already that no key is left.
    private let isRevoked = Mutex(false)

    init(_ file: Authentication.KeysFile) {
        path = file.path
        self.file = Mutex(RevocableFile(file.bytes))
    }

    func hangUp() { file.withLock { $0.hangUp() } }

    /// The JWK set in force; nil when the file cannot be read.
    func jwks() -> [UInt8]? {
        contents(read()).map { $0.isEmpty ? Array(#"{"keys":[]}"#.utf8) : $0 }
    }

    /// The service keys in force; nil when the old ones stay, since the file cannot be read.
    func serviceKeys(_ logger: Logger) -> ServiceKeys? {
        let reading = read()
        do throws(SettingsReader.Unfit) {
            guard let bytes = contents(reading) else {
                if case .failure(let unfit) = reading { throw unfit.problem(path) }
                return nil
            }
            let keys = try Authentication.serviceKeys(bytes, in: path)
            let isNews = isRevoked.withLock { isRevoked in
                defer { isRevoked = keys.isEmpty }
                return keys.isEmpty && !isRevoked
            }
            if isNews { logger.error("no service key is left: every service key is refused") }
            return keys
        } catch {
            Counter(label: "connect_bff_credential_reload_failures_total").increment()
            logger.error("the service keys cannot be read, the old ones stay", metadata: ["bff.why": "\(error.why)"])
            return nil
        }
    }

    private func contents(_ reading: Result<[UInt8], TrustedFile.Unfit>) -> [UInt8]? {
        file.withLock { $0.contents(reading) }
    }

    private func read() -> Result<[UInt8], TrustedFile.Unfit> {
        do throws(TrustedFile.Unfit) {
            return .success(try TrustedFile(path).bytes)
        } catch {
            return .failure(error)
        }
    }
}
