/// Distinguishes the commits of other processes from our own, by SQLite's `data_version`.
///
/// Pure: the driver is ``CommitMonitor``. A connection's `data_version` changes with commits of other connections, never
/// with its own. The number of an *observer*, a connection that writes nothing, can be read at any time, and changes with
/// our own commits, too. That of the *writer* changes with commits of other processes alone, but can be read between our
/// writes only. So our own commits are known by reading both at the end of each write.
struct ForeignCommits {
    enum Finding: Equatable {
        /// Every commit that the observer saw is our own, or was notified.
        case known
        /// Another process committed; ``accept(_:)`` follows once that is notified.
        case foreign
        /// A write of our own is in progress, and its end decides.
        case undecided
    }

    /// The observer's number up to which every commit is our own or was notified.
    private var accepted: Int32
    /// The writer's number at the end of our last write.
    private var writer: Int32
    private var isWriting = false

    init(observer: Int32, writer: Int32) {
        accepted = observer
        self.writer = writer
    }

    /// Judges what the observer sees.
    func finding(_ observer: Int32) -> Finding {
        // The number grows, and wraps around; another thread may have seen more.
        if observer &- accepted <= 0 { return .known }
        return isWriting ? .undecided : .foreign
    }

    /// Judges nothing that the observer has seen so far as new.
    mutating func accept(_ observer: Int32) {
        if observer &- accepted > 0 { accepted = observer }
    }

    mutating func writeBegan() {
        isWriting = true
    }

    /// Whether another process committed since the end of our last write.
    /// - Parameter writer: `nil` when it could not be read.
    func isForeign(writer: Int32?) -> Bool {
        writer != self.writer
    }

    /// Ends a write, once a commit of another process is notified.
    /// - Parameters:
    ///   - observer: Read after the commit; `nil` when it could not be read.
    ///   - writer: Read after `observer`, so that it shows each foreign commit that `observer` has seen.
    mutating func writeEnded(observer: Int32?, writer: Int32?) {
        isWriting = false
        if let observer { accept(observer) }
        if let writer { self.writer = writer }
    }
}
