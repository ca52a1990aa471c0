import Synchronization

/// A few connections, lent to one at a time: the driver of ``PostgresSlots``.
final class PostgresPool: Sendable {
    /// The connections of a node, besides the one that listens.
    static let size = 4
    private static let mostWaiting = 512

    private let connections: [PostgresConnection]
    private let slots: Mutex<PostgresSlots<CheckedContinuation<Int?, Never>>>

    init(_ connect: @escaping @Sendable () throws(PostgresError) -> PostgresLink) {
        connections = (0..<Self.size).map { _ in PostgresConnection(connect) }
        slots = Mutex(PostgresSlots(count: Self.size, mostWaiting: Self.mostWaiting))
    }

    func use<Value: Sendable>(
        _ work: @Sendable (PostgresLink) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        guard let slot = await acquire() else { throw .noSlot }
        do throws(PostgresError) {
            let value = try await connections[slot].use(work)
            release(slot, foundServer: true)
            return value
        } catch {
            release(slot, foundServer: !error.isOutage)
            throw error
        }
    }

    private func acquire() async -> Int? {
        await withCheckedContinuation { continuation in
            switch slots.withLock({ $0.acquire(continuation, at: .now) }) {
            case .acquired(let slot): continuation.resume(returning: slot)
            case .wait: break
            case .refuse: continuation.resume(returning: nil)
            }
        }
    }

    private func release(_ slot: Int, foundServer: Bool) {
        switch slots.withLock({ $0.release(slot, foundServer: foundServer, at: .now) }) {
        case .nothing: break
        case .hand(let slot, let waiter): waiter.resume(returning: slot)
        case .refuse(let waiters): waiters.forEach { $0.resume(returning: nil) }
        }
    }
}
