import Resilience
import Testing

@Suite struct AdmissionQueueTests {
    let start = ContinuousClock.now

    private func queue(capacity: Int = 1, length: Int = 3) -> AdmissionQueue<Int> {
        AdmissionQueue(capacity: capacity, length: length, timeout: .milliseconds(100))
    }

    @Test("R13: the oldest gets the place, and no newcomer before those who wait")
    func R13() {
        var queue = queue()
        let arrivals = (0..<5).map { queue.arrive($0, at: start) }
        #expect(
            arrivals == [
                .entered, .waits(timer: start + .milliseconds(100)), .waits(timer: nil), .waits(timer: nil), .refused,
            ])
        let next = queue.leave()
        #expect(next == 1)
        // Given up, the place was somebody's at once.
        let entered = queue.enter()
        #expect(!entered && queue.underWay == 1 && queue.waiting == 2)
        let rest = (0..<3).map { _ in queue.leave() }
        #expect(rest == [2, 3, nil])
        #expect(queue.underWay == 0)
    }

    @Test("R13: nobody waits for longer than 100 ms, and one timer is enough for all")
    func R13patience() {
        var queue = queue()
        _ = queue.arrive(0, at: start)
        for number in 1...3 { _ = queue.arrive(number, at: start + .milliseconds(10 * number)) }
        let early = queue.expire(at: start + .milliseconds(109))
        #expect(early.refused.isEmpty && early.timer == start + .milliseconds(110))
        let first = queue.expire(at: start + .milliseconds(120))
        #expect(first.refused == [1, 2] && first.timer == start + .milliseconds(130))
        let second = queue.expire(at: start + .milliseconds(130))
        #expect(second.refused == [3] && second.timer == nil)
    }

    @Test("R13: once somebody waited in vain, others are refused at once until a place is free")
    func R13vain() {
        var queue = queue()
        _ = queue.arrive(0, at: start)
        _ = queue.arrive(1, at: start)
        _ = queue.arrive(2, at: start + .milliseconds(50))
        _ = queue.expire(at: start + .milliseconds(100))
        let late = queue.arrive(3, at: start + .milliseconds(110))
        #expect(late == .refused)
        // It goes to the one that waits, so nothing is free.
        let next = queue.leave()
        let later = queue.arrive(4, at: start + .milliseconds(120))
        #expect(next == 2 && later == .refused)
        let nobody = queue.leave()
        let arrivals = (5...6).map { queue.arrive($0, at: start + .milliseconds(130)) }
        // The timer of before still runs.
        #expect(nobody == nil && arrivals == [.entered, .waits(timer: nil)])
    }

    @Test func `no place is lost or given twice, whatever happens in which order`() {
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
                    for waiter in expiry.refused {
                        #expect(waiting.removeValue(forKey: waiter).map { $0 <= now } == true)
                    }
                }
                #expect(waiting.values.allSatisfy { $0 > now }, "seed \(seed)")
                if Bool.random(using: &random) {
                    switch queue.arrive(number, at: now) {
                    case .entered:
                        #expect(waiting.isEmpty, "seed \(seed)")
                        inside += 1
                    case .waits(let asked):
                        waiting[number] = now + .milliseconds(100)
                        if let asked { timer = asked }
                    case .refused: break
                    case .shareTaken: Issue.record("a caller without a key has no share")
                    }
                } else if inside > 0 {
                    if let next = queue.leave() {
                        #expect(next == waiting.keys.min(), "seed \(seed)")
                        waiting[next] = nil
                    } else {
                        #expect(waiting.isEmpty, "seed \(seed)")
                        inside -= 1
                    }
                }
                #expect(inside <= 3 && waiting.count <= 4 && (waiting.isEmpty || timer != nil), "seed \(seed)")
                #expect(queue.underWay == inside && queue.waiting == waiting.count, "seed \(seed)")
            }
        }
    }

    @Test func `a caller has its share of slots and queue, and the others find theirs (I18)`() {
        var queue = AdmissionQueue<Int>(capacity: 8, length: 8, shares: 4, timeout: .milliseconds(100))
        let mallory = CallerKey("mallory")
        let taken = (0..<4).map { queue.arrive($0, of: mallory, at: start) }
        #expect(taken == [.entered, .entered, .shareTaken, .shareTaken])
        for user in 0..<6 {
            let arrival = queue.arrive(user, of: CallerKey(user), at: start)
            #expect(arrival == .entered)
        }
        #expect(!queue.isFull)
        let alice = queue.arrive(100, of: CallerKey("alice"), at: start)
        #expect(alice == .waits(timer: start + .milliseconds(100)))
        let next = queue.leave(mallory)
        #expect(next == 100)
        #expect(queue.underWay == 8)
    }

    @Test func `a waiting caller that has taken its share meanwhile is passed over (I18)`() {
        var queue = AdmissionQueue<Int>(capacity: 2, length: 8, shares: 2, timeout: .milliseconds(100))
        let (alice, mallory) = (CallerKey("alice"), CallerKey("mallory"))
        _ = queue.arrive(0, of: alice, at: start)
        _ = queue.arrive(1, of: CallerKey("bob"), at: start)
        _ = queue.arrive(2, of: mallory, at: start)
        _ = queue.arrive(3, of: mallory, at: start)
        let carol = queue.arrive(4, of: CallerKey("carol"), at: start)
        #expect(carol == .waits(timer: nil))
        let first = queue.leave(alice)
        let second = queue.leave(CallerKey("bob"))
        #expect([first, second] == [2, 4])
    }

    /// Random numbers that a seed brings back.
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
