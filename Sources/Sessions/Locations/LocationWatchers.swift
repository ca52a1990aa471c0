import Core
import Resilience
import Synchronization

/// The callers that follow locations, woken when a location may have changed.
final class LocationWatchers: Sendable {
    private struct State {
        var watches: [LocationID: [Int: LocationWatch]] = [:]
        var number = 0
    }
    private let state = Mutex(State())
    private let clock: any Clock<Duration>

    /// - Parameter clock: Times waits out.
    init(clock: any Clock<Duration>) {
        self.clock = clock
    }

    /// The locations that are followed.
    var locations: [LocationID] { state.withLock { Array($0.watches.keys) } }

    /// Follows a location for as long as `body` runs.
    func watch<Result>(
        _ location: LocationID, _ body: (LocationWatch) async throws -> Result
    ) async rethrows -> Result {
        let watch = LocationWatch(clock: clock)
        let number = state.withLock { state in
            state.number &+= 1
            state.watches[location, default: [:]][state.number] = watch
            return state.number
        }
        defer {
            state.withLock { state in
                state.watches[location]?[number] = nil
                if state.watches[location]?.isEmpty == true { state.watches[location] = nil }
            }
        }
        return try await body(watch)
    }

    /// Wakes the callers that follow a location.
    func wake(_ location: LocationID) {
        let watches = state.withLock { $0.watches[location].map { Array($0.values) } ?? [] }
        for watch in watches { watch.wake() }
    }
}

/// One caller's view of a location: no change between two waits is missed.
package final class LocationWatch: Sendable {
    private struct State {
        /// Whether the location may have changed since the last wait ended.
        var hasChanged = false
        var waiter: AsyncStream<Void>.Continuation?
    }
    private let state = Mutex(State())
    private let clock: any Clock<Duration>

    init(clock: any Clock<Duration>) {
        self.clock = clock
    }

    func wake() {
        state.withLock { state in
            state.hasChanged = true
            state.waiter?.yield()
        }
    }

    /// Waits until the location may have changed since the last wait ended, at most `timeout`.
    package func wait(timeout: Duration) async {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let hasChanged = state.withLock { state in
            state.waiter = continuation
            return state.hasChanged
        }
        if !hasChanged { _ = try? await withDeadline(timeout, clock: clock) { for await _ in stream { break } } }
        state.withLock { $0 = State() }
    }
}
