package import Resilience
import Synchronization

/// Bounds the bytes of request bodies that are still arriving: a slow body holds no slot, and costs memory alone.
package final class BodyMemory: Sendable {
    private struct State {
        var total = 0
        /// Only clients of which something is held.
        var clients: [CallerKey: Int] = [:]
    }
    private let state = Mutex(State())
    private let limit: Int
    private let share: Int

    /// - Parameters:
    ///   - limit: Bytes of all clients.
    ///   - share: Bytes of one client's, of all its connections together.
    package init(limit: Int = 64 << 20, share: Int = 8 << 20) {
        self.limit = limit
        self.share = share
    }

    /// Takes memory for bytes that have arrived; what is taken is given back with ``release(_:for:)``.
    package func reserve(_ bytes: Int, for client: CallerKey) -> Bool {
        state.withLock { state in
            let own = state.clients[client] ?? 0
            guard state.total + bytes <= limit, own + bytes <= share else { return false }
            state.total += bytes
            state.clients[client] = own + bytes
            return true
        }
    }

    package func release(_ bytes: Int, for client: CallerKey) {
        guard bytes > 0 else { return }
        state.withLock { state in
            state.total -= bytes
            let left = (state.clients[client] ?? bytes) - bytes
            state.clients[client] = left > 0 ? left : nil
        }
    }
}
