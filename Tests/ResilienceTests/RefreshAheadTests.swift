import Testing

@testable import Resilience

@Suite struct RefreshAheadTests {
    private let start = ContinuousClock.now
    private let state = Box()

    /// `#expect` takes no mutating calls.
    private final class Box {
        var value = RefreshAhead<String>(.init(life: .seconds(100), cap: .seconds(1000), interval: .seconds(30)))

        var wasRead: Bool { value.wasRead }
        func current(at now: ContinuousClock.Instant) -> String? { value.current(at: now) }
        func untilDue(at now: ContinuousClock.Instant) -> Duration { value.untilDue(at: now) }
        func untilRetry(at now: ContinuousClock.Instant) -> Duration { value.untilRetry(at: now) }
        func claimDue(at now: ContinuousClock.Instant) -> Bool { value.claimDue(at: now) }
        func claimOnDemand(at now: ContinuousClock.Instant) -> Bool { value.claimOnDemand(at: now) }
        func claimNow() -> Bool { value.claimNow() }
        func begin(at now: ContinuousClock.Instant) -> Bool { value.begin(at: now) }
        func succeeded(_ new: String, at now: ContinuousClock.Instant) { value.succeeded(new, at: now) }
        func failed(at now: ContinuousClock.Instant) { value.failed(at: now) }
    }

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    private func read(_ value: String?, at seconds: Double) {
        #expect(state.begin(at: at(seconds)))
        if let value { state.succeeded(value, at: at(seconds)) } else { state.failed(at: at(seconds)) }
    }

    @Test("the first read is due at once, and all callers join it (I13)") func first() {
        #expect(state.untilDue(at: at(0)) == .zero)
        #expect(!state.wasRead)
        #expect(state.current(at: at(0)) == nil)
        #expect(state.claimDue(at: at(0)))
        #expect(!state.claimDue(at: at(0)), "it is claimed")
        #expect(state.claimOnDemand(at: at(0)))
        #expect(state.begin(at: at(0)))
        #expect(!state.begin(at: at(0)), "a second one would be another read")
        #expect(state.claimOnDemand(at: at(1)))
        #expect(!state.claimDue(at: at(1)))
        #expect(!state.claimNow())
        state.succeeded("a", at: at(1))
        #expect(state.wasRead)
        #expect(state.current(at: at(1)) == "a")
        #expect(!state.begin(at: at(1)), "who waited and came late causes no read")
    }

    @Test("refreshes the value before it expires, and uses it until the cap (I13)") func life() {
        _ = state.claimNow()
        read("a", at: 0)
        #expect(state.untilDue(at: at(10)) == .seconds(70))
        #expect(!state.claimDue(at: at(79)))
        #expect(state.claimDue(at: at(80)))
        read(nil, at: 80)
        #expect(state.current(at: at(1000)) == "a")
        #expect(state.current(at: at(1001)) == nil)
        #expect(state.wasRead)
        #expect(state.claimOnDemand(at: at(1001)))
        read("b", at: 1001)
        #expect(state.current(at: at(1001)) == "b")
    }

    @Test("a missing key causes one read in an interval (S38)") func interval() {
        _ = state.claimNow()
        read("a", at: 0)
        for second in stride(from: 0.0, to: 30, by: 0.5) { #expect(!state.claimOnDemand(at: at(second))) }
        #expect(state.claimOnDemand(at: at(30)))
        #expect(state.claimOnDemand(at: at(30)), "all join")
        read("b", at: 30)
        #expect(!state.claimOnDemand(at: at(59)))
        #expect(state.claimNow(), "an operator says that it changed")
        read("c", at: 59)
        #expect(!state.claimOnDemand(at: at(88)))
    }

    @Test("failures double the wait from 1 second to 60, and a success resets it (I13)") func backOff() {
        var now = 0.0
        for pause in [1.0, 2, 4, 8, 16, 32, 60, 60] {
            #expect(state.claimDue(at: at(now)))
            read(nil, at: now)
            #expect(state.untilRetry(at: at(now)) == .seconds(pause))
            #expect(state.untilDue(at: at(now)) == .seconds(pause))
            #expect(!state.claimOnDemand(at: at(now + pause - 0.1)))
            #expect(!state.claimDue(at: at(now + pause - 0.1)))
            now += pause
        }
        #expect(state.claimOnDemand(at: at(now)))
        read("a", at: now)
        #expect(state.untilRetry(at: at(now)) == .zero)
        #expect(state.claimDue(at: at(now + 80)))
        read(nil, at: now + 80)
        #expect(state.untilRetry(at: at(now + 80)) == .seconds(1))
    }
}
