/// A ``Bulkhead`` whose callers queue for a slot, also for one beyond their share: work that comes in bursts and can wait.
///
/// The oldest waiter whose share has room gets the next free slot, so that a caller with a long queue holds up itself
/// alone. No caller has more than its share of the slots, nor of the queue.
package struct BulkheadQueue<Waiter> {
    private struct Waiting {
        let number: Int
        let waiter: Waiter
        let caller: CallerKey
    }

    private var slots: Bulkhead
    private let length: Int
    private let lengthShare: Int
    /// The oldest first.
    private var queue: [Waiting] = []
    private var number = 0

    package enum Admission: Equatable {
        case acquired
        /// - Parameter number: Names the waiter for ``abandon(_:)``.
        case queued(number: Int)
        /// The queue is full, or the caller has its share of it.
        case refused
    }

    /// - Parameters:
    ///   - limit: Slots.
    ///   - share: The most slots of one caller.
    ///   - length: Waiters.
    ///   - lengthShare: The most waiters of one caller.
    package init(limit: Int, share: Int, length: Int, lengthShare: Int) {
        slots = Bulkhead(limit: limit, share: share)
        self.length = length
        self.lengthShare = lengthShare
    }

    package var inUse: Int { slots.inUse }
    package var waiting: Int { queue.count }

    /// Acquires a slot, or queues for one; each slot is given back with ``release(_:)``.
    package mutating func acquire(_ waiter: Waiter, for caller: CallerKey) -> Admission {
        if slots.tryAcquire(caller) == .acquired { return .acquired }
        guard queue.count < length, queue.count(where: { $0.caller == caller }) < lengthShare else { return .refused }
        number += 1
        queue.append(Waiting(number: number, waiter: waiter, caller: caller))
        return .queued(number: number)
    }

    /// Gives a slot back, or hands it to a waiter.
    /// - Returns: The waiter that has a slot now.
    package mutating func release(_ caller: CallerKey) -> Waiter? {
        slots.release(caller)
        for index in queue.indices where slots.tryAcquire(queue[index].caller) == .acquired {
            return queue.remove(at: index).waiter
        }
        return nil
    }

    /// Takes a waiter out of the queue.
    /// - Returns: False when it is not there: it was handed a slot.
    package mutating func abandon(_ number: Int) -> Bool {
        guard let index = queue.firstIndex(where: { $0.number == number }) else { return false }
        queue.remove(at: index)
        return true
    }
}
