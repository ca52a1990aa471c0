import Core
import Keys
import Logging
package import Sessions
import Synchronization

/// Notifications between the nodes of one database.
extension PostgresStore {
    static func notification(_ text: String) -> PostgresStatement {
        PostgresStatement("SELECT pg_notify('\(channel)', $1)", .text(text))
    }

    /// Notifies other nodes of sessions that changed.
    func notifications(of changed: [String]) -> [PostgresStatement] {
        stride(from: 0, to: changed.count, by: Self.mostNotified).map { start in
            let ids = changed[start..<min(start + Self.mostNotified, changed.count)]
            return Self.notification("\(node) \(ids.joined(separator: ","))")
        }
    }

    package func watch(_ notify: @escaping @Sendable (StoreChange) -> Void) async {
        let number = watchers.add(notify)
        defer { watchers.remove(number) }
        var pause = Self.shortestPause
        while !Task.isCancelled {
            let began = ContinuousClock.now
            do throws(PostgresError) {
                try await seal()
                try await probed { [listener, node] (probe) throws(PostgresError) in
                    try await listener.listen(probe, begun: { notify(.subscribed) }) { payload in
                        for change in NodeNotification.changes(in: payload, to: node) { notify(change) }
                    }
                }
            } catch {
                notify(.unsubscribed)
                _ = failed(error)
            }
            // One that was up for a while is tried again at once.
            if began.duration(to: .now) > .seconds(10) { pause = Self.shortestPause }
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            pause = min(Self.longestPause, pause * 2)
        }
    }

    /// Does `work` with a probe that a connection of the pool sends when it is asked to.
    func probed(
        _ work: (PostgresConnection.Probe) async throws(PostgresError) -> Void
    ) async throws(PostgresError) {
        let (asked, ask) = AsyncStream<Void>.makeStream()
        let isSent = SentFlag()
        // From this node, so that it is no news to anybody.
        let payload = "\(node) probe"
        async let sending: Void = sendProbe(when: asked, isSent)
        let result: Result<Void, PostgresError>
        do throws(PostgresError) {
            try await work(
                .init(
                    channel: Self.channel, payload: payload, send: { ask.yield() }, isSent: { isSent.isRaised }))
            result = .success(())
        } catch {
            result = .failure(error)
        }
        ask.finish()
        await sending
        try result.get()
    }

    private func sendProbe(when asked: AsyncStream<Void>, _ isSent: SentFlag) async {
        for await _ in asked {
            let sent = try? await pool.use { [node] (link) throws(PostgresError) in
                try link.run([Self.notification("\(node) probe")])
            }
            if sent != nil { isSent.raise() }
        }
    }

    /// Whether the probe is on its way.
    private final class SentFlag: Sendable {
        private let flag = Mutex(false)
        var isRaised: Bool { flag.withLock { $0 } }
        func raise() { flag.withLock { $0 = true } }
    }
}
