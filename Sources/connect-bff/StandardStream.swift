import Glibc
import Synchronization

/// Standard output and standard error, a whole line at a time.
enum StandardStream {
    private static let lock = Mutex(())

    /// Writes to standard output and flushes, so that a pipe's reader sees the line now.
    static func output(_ text: String) {
        write(text, to: STDOUT_FILENO)
    }

    static func error(_ text: String) {
        write(text, to: STDERR_FILENO)
    }

    private static func write(_ text: String, to descriptor: Int32) {
        lock.withLock { _ in
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
                // A closed terminal takes the text with it; there is nowhere left to complain.
                guard written > 0 else { return }
                rest = rest.dropFirst(written)
            }
        }
    }
}
