import Resilience
import Testing

@Suite struct RunDetachedTests {
    @Test func `returns the result of the work`() async {
        #expect(await runDetached { 7 } == 7)
    }

    @Test func `a cancelled caller returns at once, and the work goes on`() async {
        let (gate, open) = AsyncStream<Void>.makeStream()
        let (started, start) = AsyncStream<Void>.makeStream()
        let (ended, end) = AsyncStream<Bool>.makeStream()
        let caller = Task {
            await runDetached {
                start.yield()
                for await _ in gate {}
                end.yield(Task.isCancelled)
                return 7
            }
        }
        for await _ in started { break }
        caller.cancel()
        #expect(await caller.value == nil)
        open.finish()
        for await wasCancelled in ended {
            #expect(!wasCancelled)
            break
        }
    }
}
