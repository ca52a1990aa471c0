import Networking
import Testing

@Suite struct EventLoopClockTests {
    @Test(arguments: [Duration.zero, .milliseconds(5), .seconds(-1)]) func `a sleep lasts as long as it was asked to`(
        duration: Duration
    ) async throws {
        let clock = EventLoopClock()
        let start = clock.now
        try await clock.sleep(for: duration)
        #expect(start.duration(to: clock.now) >= duration)
    }

    @Test(arguments: [true, false]) func `a cancelled sleep ends at once`(isCancelledBefore: Bool) async {
        let (started, start) = AsyncStream<Void>.makeStream()
        let (gate, open) = AsyncStream<Void>.makeStream()
        if !isCancelledBefore { open.finish() }
        let sleeping = Task {
            // Ends when the task is cancelled.
            for await _ in gate {}
            start.yield()
            // Longer than the nanoseconds of an event loop can count.
            try await EventLoopClock().sleep(for: .seconds(1 << 40))
        }
        if !isCancelledBefore { for await _ in started { break } }
        sleeping.cancel()
        await #expect(throws: CancellationError.self) { try await sleeping.value }
    }
}
