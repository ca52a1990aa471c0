import Resilience
import Synchronization
import Testing

@Suite struct CoalescedTaskTests {
    @Test func `runs the work once at a time, and again afterwards`() async {
        let task = CoalescedTask<Int>()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let (started, start) = AsyncStream<Void>.makeStream()
        let first = Task {
            await task.value {
                start.yield()
                for await _ in gate {}
                return 1
            }
        }
        for await _ in started { break }
        let hasRun = Mutex(false)
        let second = Task {
            await task.value {
                hasRun.withLock { $0 = true }
                return 2
            }
        }
        second.cancel()
        #expect(await second.value == nil)
        let hasRunTwice = hasRun.withLock(\.self)
        #expect(!hasRunTwice, "the second caller joins the run in progress")
        open.finish()
        #expect(await first.value == 1)
        #expect(await task.value { 3 } == 3)
    }
}
