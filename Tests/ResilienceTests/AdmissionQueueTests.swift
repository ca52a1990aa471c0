import Resilience
import Testing

@Suite struct AdmissionQueueTests {
    let start = ContinuousClock.now

    private func queue(capacity: Int = 1, length: Int = 3) -> AdmissionQueue<Int> {
        AdmissionQueue(capacity: capacity, length: length, timeout: .milliseconds(100))
    }

    @Test("the oldest waiter gets the next slot, before any new request (R13)")
    func order() {
        var queue = queue()
        let arrivals = (0..<5).map { queue.acquire($0, at: start) }
        #expect(
            arrivals == [
                .acquired, .queued(timer: start + .milliseconds(100)), .queued(timer: nil), .queued(timer: nil),
                .rejected,
            ])
        let next = queue.release()
        #expect(next == 1)
        // The released slot went to a waiter at once.
        let entered = queue.tryAcquire()
        #expect(!entered)
        #expect(queue.inUse == 1)
        #expect(queue.waiting == 2)
        let rest = (0..<3).map { _ in queue.release() }
        #expect(rest == [2, 3, nil])
        #expect(queue.inUse == 0)
    }

    @Test("no request waits longer than 100 ms, and one timer is enough for all (R13)")
    func timeout() {
        var queue = queue()
        _ = queue.acquire(0, at: start)
        for number in 1...3 { _ = queue.acquire(number, at: start + .milliseconds(10 * number)) }
        let early = queue.expire(at: start + .milliseconds(109))
        #expect(early.rejected.isEmpty)
        #expect(early.timer == start + .milliseconds(110))
        let first = queue.expire(at: start + .milliseconds(120))
        #expect(first.rejected == [1, 2])
        #expect(first.timer == start + .milliseconds(130))
        let second = queue.expire(at: start + .milliseconds(130))
        #expect(second.rejected == [3])
        #expect(second.timer == nil)
    }

    @Test("new requests are rejected at once after a timeout, until a slot is free (R13)")
    func rejection() {
        var queue = queue()
        _ = queue.acquire(0, at: start)
        _ = queue.acquire(1, at: start)
        _ = queue.acquire(2, at: start + .milliseconds(50))
        _ = queue.expire(at: start + .milliseconds(100))
        let late = queue.acquire(3, at: start + .milliseconds(110))
        #expect(late == .rejected)
        // It goes to a waiter, so no slot is free.
        let next = queue.release()
        let later = queue.acquire(4, at: start + .milliseconds(120))
        #expect(next == 2)
        #expect(later == .rejected)
        let none = queue.release()
        let arrivals = (5...6).map { queue.acquire($0, at: start + .milliseconds(130)) }
        // The earlier timer still runs.
        #expect(none == nil)
        #expect(arrivals == [.acquired, .queued(timer: nil)])
    }

    @Test func `no slot is lost or given twice, in any order of events`() {
        for seed in UInt64(0)..<200 {
            var random = SplitMix64(state: seed)
            var queue = queue(capacity: 3, length: 4)
            var now = start
            var waiting: [Int: ContinuousClock.Instant] = [:], timer: ContinuousClock.Instant?
            var inside = 0
            for number in 0..<500 {
                now += .milliseconds(Int.random(in: 0...20, using: &random))
                if let due = timer, due <= now {
                    let expiry = queue.expire(at: now)
                    timer = expiry.timer
                    for waiter in expiry.rejected {
                        #expect(waiting.removeValue(forKey: waiter).map { $0 <= now } == true)
                    }
                }
                #expect(waiting.values.allSatisfy { $0 > now }, "seed \(seed)")
                if Bool.random(using: &random) {
                    switch queue.acquire(number, at: now) {
                    case .acquired:
                        #expect(waiting.isEmpty, "seed \(seed)")
                        inside += 1
                    case .queued(let asked):
                        waiting[number] = now + .milliseconds(100)
                        if let asked { timer = asked }
                    case .rejected: break
                    case .shareTaken: Issue.record("a caller without a key has no share")
                    }
                } else if inside > 0 {
                    if let next = queue.release() {
                        #expect(next == waiting.keys.min(), "seed \(seed)")
                        waiting[next] = nil
                    } else {
                        #expect(waiting.isEmpty, "seed \(seed)")
                        inside -= 1
                    }
                }
                #expect(inside <= 3, "seed \(seed)")
                #expect(waiting.count <= 4, "seed \(seed)")
                #expect((waiting.isEmpty || timer != nil), "seed \(seed)")
                #expect(queue.inUse == inside, "seed \(seed)")
                #expect(queue.waiting == waiting.count, "seed \(seed)")
            }
        }
    }

    @Test func `a caller has at most its share of slots and queue (I18)`() {
        var queue = AdmissionQueue<Int>(capacity: 8, length: 8, shares: 4, timeout: .milliseconds(100))
        let mallory = CallerKey("mallory")
        let taken = (0..<4).map { queue.acquire($0, of: mallory, at: start) }
        #expect(taken == [.acquired, .acquired, .shareTaken, .shareTaken])
        for user in 0..<6 {
            let arrival = queue.acquire(user, of: CallerKey(user), at: start)
            #expect(arrival == .acquired)
        }
        #expect(!queue.isFull)
        let alice = queue.acquire(100, of: CallerKey("alice"), at: start)
        #expect(alice == .queued(timer: start + .milliseconds(100)))
        let next = queue.release(mallory)
        #expect(next == 100)
        #expect(queue.inUse == 8)
    }

    @Test func `a waiter whose caller has its share by now is skipped (I18)`() {
        var queue = AdmissionQueue<Int>(capacity: 2, length: 8, shares: 2, timeout: .milliseconds(100))
        let (alice, mallory) = (CallerKey("alice"), CallerKey("mallory"))
        _ = queue.acquire(0, of: alice, at: start)
        _ = queue.acquire(1, of: CallerKey("bob"), at: start)
        _ = queue.acquire(2, of: mallory, at: start)
        _ = queue.acquire(3, of: mallory, at: start)
        let carol = queue.acquire(4, of: CallerKey("carol"), at: start)
        #expect(carol == .queued(timer: nil))
        let first = queue.release(alice)
        let second = queue.release(CallerKey("bob"))
        #expect([first, second] == [2, 4])
    }

    /// Reproducible random numbers.
    private struct SplitMix64: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
