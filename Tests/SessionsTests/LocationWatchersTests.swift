import Core
import TestSupport
import Testing

@testable import Sessions

/// The waits of clients that follow a location.
@Suite struct LocationWatchersTests {
    let location = LocationID("loc_1")!
    let other = LocationID("loc_2")!

    @Test func `changes before a wait end it at once, and the next one waits`() async {
        let clock = ImmediateClock()
        let watchers = LocationWatchers(clock: clock)
        await watchers.watch(location) { watch in
            watchers.wake(location)
            watchers.wake(location)
            await watch.wait(timeout: .seconds(7))
            #expect(clock.sleeps.isEmpty)
            await watch.wait(timeout: .seconds(7))
            #expect(clock.sleeps == [.seconds(7)])
        }
        #expect(watchers.locations.isEmpty)
    }

    @Test func `a change while a client waits wakes it; one elsewhere does not`() async throws {
        let watchers = LocationWatchers(clock: ContinuousClock())
        let location = location
        let waiting = Task { await watchers.watch(location) { await $0.wait(timeout: .seconds(3600)) } }
        try await until { watchers.locations == [location] }
        watchers.wake(other)
        #expect(watchers.locations == [location])
        watchers.wake(location)
        await waiting.value
        #expect(watchers.locations.isEmpty)
    }

    @Test func `a client that leaves follows no more`() async throws {
        let watchers = LocationWatchers(clock: ContinuousClock())
        let location = location
        let waiting = Task { await watchers.watch(location) { await $0.wait(timeout: .seconds(3600)) } }
        try await until { !watchers.locations.isEmpty }
        waiting.cancel()
        await waiting.value
        #expect(watchers.locations.isEmpty)
    }
}
