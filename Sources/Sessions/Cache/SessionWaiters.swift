import Core

/// The callers that wait for a change of a session.
struct SessionWaiters {
    private var waiting: [SessionID: [Int: AsyncStream<Void>.Continuation]] = [:]
    private var number = 0

    var isEmpty: Bool { waiting.isEmpty }

    func contains(_ id: SessionID) -> Bool { waiting[id] != nil }

    /// - Returns: The caller's number, for ``remove(_:from:)``.
    mutating func add(_ continuation: AsyncStream<Void>.Continuation, to id: SessionID) -> Int {
        number += 1
        waiting[id, default: [:]][number] = continuation
        return number
    }

    mutating func remove(_ number: Int, from id: SessionID) {
        waiting[id]?[number] = nil
        if waiting[id]?.isEmpty == true { waiting[id] = nil }
    }

    func wake(_ id: SessionID) { waiting[id]?.values.forEach { $0.yield() } }

    func wakeAll() { for id in waiting.keys { wake(id) } }
}
