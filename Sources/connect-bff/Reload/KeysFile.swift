import Synchronization

/// A file of keys by which callers are authenticated, read again while the service runs: the driver of
/// ``RevocableFile``.
final class KeysFile: Sendable {
    let path: String
    private let file: Mutex<RevocableFile>

    /// - Parameter bytes: The contents at startup.
    init(_ path: String, bytes: [UInt8]) {
        self.path = path
        file = Mutex(RevocableFile(bytes))
    }

    /// Makes the next reading revoke at once what is missing, since an operator confirmed the change with SIGHUP.
    func hangUp() { file.withLock { $0.hangUp() } }

    /// Reads the file.
    /// - Returns: The contents in force; no bytes revoke all keys.
    /// - Throws: Why the file cannot be read; what was read before stays in force.
    func contents() throws(TrustedFile.Unfit) -> [UInt8] {
        let reading = Result { () throws(TrustedFile.Unfit) in try TrustedFile(path).bytes }
        guard let bytes = file.withLock({ $0.contents(reading) }) else { return try reading.get() }
        return bytes
    }
}
