import Synchronization

/// The callers of ``SessionStore/watch(_:)``, whom a store notifies of the changes that it commits itself.
package final class StoreWatchers: Sendable {
    private struct State {
        var callbacks: [Int: @Sendable (StoreChange) -> Void] = [:]
        var number = 0
    }
    private let state = Mutex(State())

    package init() {}

    /// Adds a caller.
    /// - Returns: Its number, for ``remove(_:)``.
    package func add(_ notify: @escaping @Sendable (StoreChange) -> Void) -> Int {
        state.withLock { state in
            state.number += 1
            state.callbacks[state.number] = notify
            return state.number
        }
    }

    package func remove(_ number: Int) {
        state.withLock { $0.callbacks[number] = nil }
    }

    /// Notifies all callers, one after the other, before it returns.
    package func notify(_ changes: StoreChange...) {
        notify(changes)
    }

    package func notify(_ changes: [StoreChange]) {
        guard !changes.isEmpty else { return }
        let callbacks = state.withLock { Array($0.callbacks.values) }
        for notify in callbacks { for change in changes { notify(change) } }
    }
}
