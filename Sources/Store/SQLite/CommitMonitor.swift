import GRDB
import Synchronization

/// Detects the commits of other processes to a SQLite file, such as those of `connect-bff forget`; the driver of
/// ``ForeignCommits``.
final class CommitMonitor: Sendable {
    private struct Watch {
        let observer: DatabaseQueue
        var commits: ForeignCommits
    }
    private let path: String
    private let notify: @Sendable () -> Void
    private let isReading = Mutex(())
    /// `nil` until it is started.
    private let watch = Mutex<Watch?>(nil)

    /// - Parameter notify: Called after each commit of another process, before anything else is judged by it.
    init(path: String, notify: @escaping @Sendable () -> Void) {
        self.path = path
        self.notify = notify
    }

    /// Opens the observer.
    /// - Parameter writer: The connection of all our writes, between two of them.
    func start(_ writer: Database) throws {
        guard watch.withLock({ $0 == nil }) else { return }
        var configuration = Configuration()
        configuration.label = "connect-bff observer"
        configuration.readonly = true
        let observer = try DatabaseQueue(path: path, configuration: configuration)
        let seen = try Self.version(observer), known = try Self.version(writer)
        watch.withLock { $0 = Watch(observer: observer, commits: ForeignCommits(observer: seen, writer: known)) }
    }

    /// Looks whether another process committed, and notifies of that; waits for no write.
    /// - Returns: False when it cannot be decided now.
    func detect() -> Bool {
        guard let observer = watch.withLock({ $0?.observer }) else { return false }
        // One thread at a time: should the disk stall, the others ask the store instead of waiting here.
        let read = isReading.withLockIfAvailable { _ in try? Self.version(observer) }
        guard let seen = read ?? nil else { return false }
        return watch.withLock { watch in
            switch watch?.commits.finding(seen) {
            case .known: return true
            case .foreign:
                // Under the lock: no other thread finds the commit accepted before it is notified.
                notify()
                watch?.commits.accept(seen)
                return true
            case .undecided, nil: return false
            }
        }
    }

    /// Runs a write of our own, on the queue of the writer.
    func write<Value>(_ writer: Database, _ body: () throws -> Value) rethrows -> Value {
        guard
            let observer = watch.withLock({ watch in
                watch?.commits.writeBegan()
                return watch?.observer
            })
        else { return try body() }
        defer {
            let seen = try? Self.version(observer), known = try? Self.version(writer)
            watch.withLock { watch in
                if watch?.commits.isForeign(writer: known) == true { notify() }
                watch?.commits.writeEnded(observer: seen, writer: known)
            }
        }
        return try body()
    }

    private static func version(_ observer: DatabaseQueue) throws -> Int32 {
        // On this thread, unlike the asynchronous one.
        try observer.unsafeRead { try version($0) }
    }

    private static func version(_ db: Database) throws -> Int32 {
        let statement = try db.cachedStatement(sql: "PRAGMA data_version")
        guard let version = try Int64.fetchOne(statement) else { throw DatabaseError(resultCode: .SQLITE_INTERNAL) }
        return Int32(truncatingIfNeeded: version)
    }
}
