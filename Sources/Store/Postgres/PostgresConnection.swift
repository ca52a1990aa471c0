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

    /// A notification that another connection sends, to see that this one receives what others notify.
    struct Probe: Sendable {
        let channel: String
        let payload: String
        let limit = Duration.seconds(5)
        /// Lets the other connection send it.
        let send: @Sendable () -> Void
        /// Whether the server took it.
        let isSent: @Sendable () -> Bool
    }

    /// Connects and listens once, to see whether notifications arrive.
    /// - Throws: ``PostgresError/pooled`` when they do not.
    func check(_ probe: Probe) throws(PostgresError) {
        _ = try listening(probe) { _ in }
    }

    /// Listens until cancelled or until the connection breaks.
    /// - Parameters:
    ///   - probe: Must arrive before ``begun`` is called.
    ///   - begun: Called once nothing is missed any more.
    ///   - received: Takes what was notified.
    func listen(
        _ probe: Probe, begun: @Sendable () -> Void, received: @Sendable (String) -> Void
    ) throws(PostgresError) {
        let link = try listening(probe, received)
        begun()
        var checkedAt = ContinuousClock.now
        while !Task.isCancelled {
            for payload in try link.notifications(within: .milliseconds(200)) { received(payload) }
            // A server that hangs says nothing, as one does that has nothing to say.
            if checkedAt.duration(to: .now) >= .seconds(5) {
                _ = try link.run([PostgresStatement("SELECT 1")])
                checkedAt = .now
            }
        }
    }

    /// A connection that receives what another one notifies.
    ///
    /// A pooler in transaction mode takes LISTEN, and gives the server's connection that listens to another client. What a
    /// connection notifies itself would arrive all the same.
    private func listening(
        _ probe: Probe, _ received: @Sendable (String) -> Void
    ) throws(PostgresError) -> PostgresLink {
        // A connection that stalls looks the same; two in a row do so hardly ever.
        if let link = try listeningOnce(probe, received) { return link }
        if let link = try listeningOnce(probe, received) { return link }
        throw probe.isSent() ? .pooled : .late
    }

    /// - Returns: Nil when the probe does not arrive in time.
    private func listeningOnce(
        _ probe: Probe, _ received: @Sendable (String) -> Void
    ) throws(PostgresError) -> PostgresLink? {
        let link = try connect()
        _ = try link.run([PostgresStatement("LISTEN \(probe.channel)")])
        probe.send()
        let end = ContinuousClock.now + probe.limit
        while ContinuousClock.now < end, !Task.isCancelled {
            var isHeard = false
            for payload in try link.notifications(within: .milliseconds(50)) {
                isHeard = isHeard || payload == probe.payload
                received(payload)
            }
            if isHeard { return link }
        }
        return nil
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
