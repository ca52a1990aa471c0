import FoundationEssentials
import Glibc
import Synchronization

/// Standard output and standard error, a whole line at a time.
enum StandardStream {
    private static let lock = Mutex(())

    /// Writes to standard output and flushes, so that a pipe's reader sees the line now.
    static func output(_ text: String) {
        write(Array(text.utf8), to: STDOUT_FILENO)
    }

    static func error(_ text: String) {
        error(Array(text.utf8))
    }

    /// Whether somebody reads standard error on a terminal, and did not ask for plain text (no-color.org).
    static var errorIsTerminal: Bool {
        let wantsNone = ProcessInfo.processInfo.environment["NO_COLOR"].map { !$0.isEmpty } ?? false
        return isatty(STDERR_FILENO) == 1 && !wantsNone
    }

    static func error(_ bytes: [UInt8]) {
        write(bytes, to: STDERR_FILENO)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        lock.withLock { _ in
            var rest = bytes[...]
            while !rest.isEmpty {
                let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
                if written < 0, errno == EINTR { continue }
                // A closed terminal takes the text with it; there is nowhere left to complain.
                guard written > 0 else { return }
                rest = rest.dropFirst(written)
            }
        }
    }
}
