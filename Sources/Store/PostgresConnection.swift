import Dispatch

/// A connection with a thread of its own, on which libpq may block; it is made when it is needed.
actor PostgresConnection {
    private let thread = OwnThread("connect-bff postgres")
    private let connect: @Sendable () throws(PostgresError) -> PostgresLink
    private var link: PostgresLink?

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

    init(_ connect: @escaping @Sendable () throws(PostgresError) -> PostgresLink) {
        self.connect = connect
    }

    /// Runs `work` on the connection.
    func use<Value: Sendable>(
        _ work: @Sendable (PostgresLink) throws(PostgresError) -> Value
    ) throws(PostgresError) -> Value {
        let link = try aliveLink()
        do throws(PostgresError) {
            return try work(link)
        } catch {
            // A transaction that cannot be ended ends with its connection.
            switch error {
            case .refused, .unreadable:
                if link.isInTransaction, (try? link.run([PostgresStatement("ROLLBACK")])) == nil { self.link = nil }
            default: self.link = nil
            }
            throw error
        }
    }

    private func aliveLink() throws(PostgresError) -> PostgresLink {
        if let link, link.isAlive { return link }
        link = nil
        let made = try connect()
        link = made
        return made
    }

    /// Listens on a channel until cancelled or until the connection breaks.
    /// - Parameters:
    ///   - begun: Called once nothing is missed any more.
    ///   - heard: Takes what was notified.
    func listen(
        on channel: String, begun: @Sendable () -> Void, heard: @Sendable (String) -> Void
    ) throws(PostgresError) {
        let link = try connect()
        _ = try link.run([PostgresStatement("LISTEN \(channel)")])
        begun()
        var askedAt = ContinuousClock.now
        while !Task.isCancelled {
            for payload in try link.notifications(within: .milliseconds(200)) { heard(payload) }
            // A server that hangs says nothing, as one does that has nothing to say.
            if askedAt.duration(to: .now) >= .seconds(5) {
                _ = try link.run([PostgresStatement("SELECT 1")])
                askedAt = .now
            }
        }
    }
}

/// Runs the jobs of an actor on a queue that may block: it is not of the pool that all tasks share.
private final class OwnThread: SerialExecutor {
    private let queue: DispatchQueue

    init(_ label: String) {
        queue = DispatchQueue(label: label)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { unsafe job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }
}
