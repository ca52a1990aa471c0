import Resilience
import Testing

@Suite struct BulkheadQueueTests {
    let mallory = CallerKey("mallory"), alice = CallerKey("alice"), bob = CallerKey("bob")

    @Test func `a caller queues beyond its share, and others pass it (I18)`() {
        var queue = BulkheadQueue<String>(limit: 3, share: 2, length: 10, lengthShare: 10)
        let own = (1...4).map { queue.acquire("mallory \($0)", for: mallory) }
        #expect(own == [.acquired, .acquired, .queued(number: 1), .queued(number: 2)])
        let other = queue.acquire("alice", for: alice)
        #expect(other == .acquired)
        #expect(queue.inUse == 3)
        #expect(queue.waiting == 2)
        // A slot that mallory's share has no room for goes to no waiter of mallory's.
        let none = queue.release(alice)
        #expect(none == nil)
        let next = queue.release(mallory)
        #expect(next == "mallory 3")
    }

    @Test func `a slot goes to the oldest waiter that may have it`() {
        var queue = BulkheadQueue<String>(limit: 2, share: 1, length: 10, lengthShare: 10)
        _ = queue.acquire("mallory 1", for: mallory)
        _ = queue.acquire("mallory 2", for: mallory)
        _ = queue.acquire("alice 1", for: alice)
        _ = queue.acquire("alice 2", for: alice)
        _ = queue.acquire("bob 1", for: bob)
        let afterAlice = queue.release(alice)
        #expect(afterAlice == "alice 2")
        let again = queue.release(alice)
        #expect(again == "bob 1", "mallory still has its share")
        let afterMallory = queue.release(mallory)
        #expect(afterMallory == "mallory 2")
        #expect(queue.waiting == 0)
        let last = [queue.release(mallory), queue.release(bob)]
        #expect(last == [nil, nil])
        #expect(queue.inUse == 0)
    }

    @Test func `the queue is bounded, in total and for each caller (I18)`() {
        var queue = BulkheadQueue<Int>(limit: 1, share: 1, length: 4, lengthShare: 2)
        _ = queue.acquire(0, for: bob)
        let own = (1...3).map { queue.acquire($0, for: mallory) }
        #expect(own == [.queued(number: 1), .queued(number: 2), .refused])
        let others = (4...6).map { queue.acquire($0, for: CallerKey($0)) }
        #expect(others == [.queued(number: 3), .queued(number: 4), .refused])
    }

    @Test func `a waiter that leaves is handed nothing, and one that was handed a slot cannot leave`() {
        var queue = BulkheadQueue<String>(limit: 1, share: 1, length: 4, lengthShare: 4)
        _ = queue.acquire("alice", for: alice)
        _ = queue.acquire("bob", for: bob)
        _ = queue.acquire("mallory", for: mallory)
        let hasLeft = queue.abandon(1)
        #expect(hasLeft)
        let next = queue.release(alice)
        #expect(next == "mallory")
        let again = [queue.abandon(1), queue.abandon(2)]
        #expect(again == [false, false])
        #expect(queue.waiting == 0)
    }
}
