import Resilience
import Testing

@Suite struct BulkheadTests {
    @Test func `acquires at most as many slots as the limit`() {
        var bulkhead = Bulkhead(limit: 2)
        let first = (0..<3).map { _ in bulkhead.tryAcquire() }
        #expect(first == [.acquired, .acquired, .full])
        bulkhead.release()
        let next = bulkhead.tryAcquire()
        #expect(next == .acquired)
    }

    @Test func `a caller acquires at most its share (I18)`() {
        var bulkhead = Bulkhead(limit: 4, share: 2)
        let mallory = CallerKey("mallory"), alice = CallerKey("alice")
        let taken = (0..<3).map { _ in bulkhead.tryAcquire(mallory) }
        #expect(taken == [.acquired, .acquired, .shareTaken])
        let others = (0..<3).map { _ in bulkhead.tryAcquire(alice) }
        #expect(others == [.acquired, .acquired, .shareTaken])
        let own = bulkhead.tryAcquire()
        #expect(own == .full)
        bulkhead.release(mallory)
        let again = bulkhead.tryAcquire(mallory)
        #expect(again == .acquired)
    }
}
