package import Core
package import FoundationEssentials
package import Sessions
import Synchronization

/// A store in memory, which fails when a test says so.
package final class InMemoryStore: SessionStore {
    private struct Binding: Hashable {
        let subject: Subject
        let location: LocationID
    }
    private struct Key: Hashable {
        let subject: Subject
        let key: IdempotencyKey
    }
    private struct State {
        var sessions: [SessionID: ConnectSession] = [:]
        var bindings: Set<Binding> = []
        var mints: [Key: IdempotentMint] = [:]
        /// Until when follow-ups are somebody's.
        var taken: [SessionID: Date] = [:]
        var isAway = false
        var writes = 0
    }
    private let state = Mutex(State())

    package init() {}

    /// Whether every call fails.
    package var isAway: Bool {
        get { state.withLock(\.isAway) }
        set { state.withLock { $0.isAway = newValue } }
    }

    /// Calls of ``save(_:)`` that succeeded.
    package var writes: Int { state.withLock(\.writes) }

    package func save(_ writes: [SessionWrite]) async throws(BFFError) -> [ConnectSession] {
        try with { state in
            state.writes += 1
            return writes.compactMap { write in
                var session = write.session
                if let kept = state.sessions[session.id] {
                    session = kept
                    session.facts.merge(write.session.facts)
                    if session.facts.askedAt != kept.facts.askedAt { state.taken[session.id] = nil }
                } else if !write.isNew {
                    return nil
                }
                if state.sessions[session.id]?.facts.located == nil, let location = session.facts.located?.location {
                    state.bindings.insert(Binding(subject: session.subject, location: location))
                }
                state.sessions[session.id] = session
                if let key = write.key {
                    state.mints[Key(subject: session.subject, key: key.key)] = key.mint
                }
                return session
            }
        }
    }

    package func session(_ id: SessionID) async throws(BFFError) -> ConnectSession? {
        try with { $0.sessions[id] }
    }

    package func session(token: ConnectToken) async throws(BFFError) -> ConnectSession? {
        try with { $0.sessions.values.first { $0.connectToken == token } }
    }

    package func takeDue(at moment: Date, limit: Int, until end: Date) async throws(BFFError) -> [ConnectSession] {
        try with { state in
            let free = state.sessions.values.filter { state.taken[$0.id].map { $0 <= moment } ?? true }
            let due = free.compactMap { session in session.nextLook.map { (session, $0) } }
                .filter { $0.1 <= moment }.sorted { $0.1 < $1.1 }.prefix(limit).map(\.0)
            for session in due { state.taken[session.id] = end }
            return due
        }
    }

    package func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> IdempotentMint? {
        try with { state in
            let key = Key(subject: subject, key: key)
            if let taken = state.mints[key], !taken.isOver(at: now) { return taken }
            state.mints[key] = mint
            return nil
        }
    }

    package func release(_ key: IdempotencyKey, of subject: Subject) async throws(BFFError) {
        try with { $0.mints[Key(subject: subject, key: key)] = nil }
    }

    package func unbind(_ location: LocationID, from subject: Subject) async throws(BFFError) -> Bool {
        try with { $0.bindings.remove(Binding(subject: subject, location: location)) != nil }
    }

    package func locations(of subject: Subject) async throws(BFFError) -> [LocationID] {
        try with { state in
            state.bindings.filter { $0.subject == subject }.map(\.location).sorted { $0.text < $1.text }
        }
    }

    package func owns(_ subject: Subject, _ location: LocationID) async throws(BFFError) -> Bool {
        try with { $0.bindings.contains(Binding(subject: subject, location: location)) }
    }

    /// Nothing is sealed in memory.
    package func adopt(stateKeys: [[UInt8]]) async throws(BFFError) {}

    package func forget(_ subject: Subject) async throws(BFFError) -> Forgotten {
        try with { state in
            let before = (state.sessions.count, state.bindings.count)
            state.sessions = state.sessions.filter { $0.value.subject != subject }
            state.bindings = state.bindings.filter { $0.subject != subject }
            state.mints = state.mints.filter { $0.key.subject != subject }
            return Forgotten(sessions: before.0 - state.sessions.count, locations: before.1 - state.bindings.count)
        }
    }

    package func removeSessions(before moment: Date, at now: Date) async throws(BFFError) -> Int {
        try with { state in
            let before = state.sessions.count
            state.sessions = state.sessions.filter { $0.value.createdAt >= moment }
            state.mints = state.mints.filter { !$0.value.isOver(at: now) }
            return before - state.sessions.count
        }
    }

    private func with<Value: Sendable>(_ body: (inout State) -> Value) throws(BFFError) -> Value {
        let value = state.withLock { state in state.isAway ? nil : body(&state) }
        guard let value else { throw .storeUnavailable }
        return value
    }
}

extension InMemoryStore {
    /// Makes `location` one of the subject's own, as a session of theirs would.
    package func bind(_ location: LocationID, to subject: Subject) {
        state.withLock { _ = $0.bindings.insert(Binding(subject: subject, location: location)) }
    }
}
