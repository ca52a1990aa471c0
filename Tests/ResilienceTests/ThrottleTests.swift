import Resilience
import Testing

@Suite struct ThrottleTests {
    @Test func `lets one event through in an interval`() {
        let start = ContinuousClock.now
        var throttle = Throttle(interval: .seconds(60))
        let due = [0, 59, 60].map { throttle.isDue(at: start + .seconds($0)) }
        #expect(due == [true, false, true])
    }
}
