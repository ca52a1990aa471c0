import FoundationEssentials
import Glibc
import Synchronization

/// Standard output and standard error, a whole line at a time.
enum StandardStream {
    private static let lock = Mutex(())

    /// Writes to standard output and flushes, so that a pipe's reader sees the line now.
    static func output(_ text: String) {
        lock.withLock { _ in _ = write(Array(text.utf8), to: STDOUT_FILENO) }
    }

    /// Writes to standard error, for a command or a process that ends; the running service has a ``LogWriter``.
    ///
    /// Waits half a second for a reader that has stopped.
    static func error(_ text: String) {
        lock.withLock { _ in
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                guard isWritable(STDERR_FILENO, within: 500) else { return }
                // A pipe that can be written to has room for so much.
                let piece = Array(rest.prefix(Int(PIPE_BUF)))
                guard write(piece, to: STDERR_FILENO).isEmpty else { return }
                rest = rest.dropFirst(piece.count)
            }
        }
    }

    /// Whether standard error is a terminal, and plain text is not asked for (no-color.org).
    static var errorIsTerminal: Bool {
        let wantsNone = ProcessInfo.processInfo.environment["NO_COLOR"].map { !$0.isEmpty } ?? false
        return isatty(STDERR_FILENO) == 1 && !wantsNone
    }

    /// Waits for as long as the reader takes.
    /// - Returns: What could not be written, since the reader is gone.
    static func write(_ bytes: [UInt8], to descriptor: Int32) -> ArraySlice<UInt8> {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if written < 0, errno == EAGAIN {
                // Another process made it so, with which it is shared.
                _ = isWritable(descriptor, within: 1000)
            } else if written < 0, errno == EINTR {
                continue
            } else {
                return rest
            }
        }
        return rest
    }

    /// - Parameter limit: In milliseconds.
    private static func isWritable(_ descriptor: Int32, within limit: Int32) -> Bool {
        var status = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&status, 1, limit) > 0
    }
}
