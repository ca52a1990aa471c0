import Resilience
import Testing

@Suite struct SingleFlightTests {
    @Test func `concurrent callers share one run, and a cancelled one does not end it`() async throws {
        let flight = SingleFlight<Int, Int>()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let counter = Counted()
        let work: @Sendable () async -> Int = {
            await counter.increment()
            for await _ in gate {}
            return 7
        }
        let first = Task { await flight.value(for: 1, work) }
        for _ in 0..<10_000 {
            if await counter.value > 0 { break }
            try await Task.sleep(for: .milliseconds(1))
        }
        let others = (0..<100).map { _ in Task { await flight.value(for: 1, work) } }
        first.cancel()
        #expect(await first.value == nil)
        open.finish()
        for other in others { #expect(await other.value == 7) }
        #expect(await counter.value == 1)
    }

    @Test("abandoned work is cancelled, or goes on (R14)", arguments: [true, false])
    func abandoned(cancels: Bool) async {
        let flight = SingleFlight<Int, Int>(cancelsAbandonedWork: cancels)
        let (ended, end) = AsyncStream<Bool>.makeStream()
        let (started, start) = AsyncStream<Void>.makeStream()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let waiter = Task {
            await flight.value(for: 1) {
                start.yield()
                for await _ in gate {}
                end.yield(Task.isCancelled)
                return 1
            }
        }
        for await _ in started { break }
        waiter.cancel()
        #expect(await waiter.value == nil)
        if !cancels { open.finish() }
        for await wasCancelled in ended {
            #expect(wasCancelled == cancels)
            break
        }
    }

    private actor Counted {
        var value = 0
        func increment() { value += 1 }
    }
}
