import Synchronization

/// A few connections, lent to one at a time: the driver of ``PostgresPlaces``.
final class PostgresPool: Sendable {
    /// The connections of a node, besides the one that listens.
    static let size = 4
    private static let mostWaiting = 512

    private let connections: [PostgresConnection]
    private let places: Mutex<PostgresPlaces<CheckedContinuation<Int?, Never>>>

    init(_ connect: @escaping @Sendable () throws(PostgresError) -> PostgresLink) {
        connections = (0..<Self.size).map { _ in PostgresConnection(connect) }
        places = Mutex(PostgresPlaces(count: Self.size, mostWaiting: Self.mostWaiting))
    }

    func use<Value: Sendable>(
        _ work: @Sendable (PostgresLink) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        guard let place = await take() else { throw .noPlace }
        do throws(PostgresError) {
            let value = try await connections[place].use(work)
            giveBack(place, foundServer: true)
            return value
        } catch {
            giveBack(place, foundServer: !error.isOutage)
            throw error
        }
    }

    private func take() async -> Int? {
        await withCheckedContinuation { continuation in
            switch places.withLock({ $0.ask(continuation, at: .now) }) {
            case .take(let place): continuation.resume(returning: place)
            case .wait: break
            case .refuse: continuation.resume(returning: nil)
            }
        }
    }

    private func giveBack(_ place: Int, foundServer: Bool) {
        switch places.withLock({ $0.giveBack(place, foundServer: foundServer, at: .now) }) {
        case .nothing: break
        case .hand(let place, let waiter): waiter.resume(returning: place)
        case .refuse(let waiters): waiters.forEach { $0.resume(returning: nil) }
        }
    }
}
