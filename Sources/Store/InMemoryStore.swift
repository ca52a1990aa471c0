package import Core
package import FoundationEssentials
import Keys
package import Sessions
import Synchronization

/// Sessions in this process's memory: for `connect-bff dev` and tests.
///
/// A restart forgets them.
package final class InMemoryStore: SessionStore {
    private struct State {
        var sessions: [SessionID: ConnectSession] = [:]
        /// By SHA-256, as every store finds them, so that a dump of keys is not a dump of tokens.
        var byToken: [[UInt8]: SessionID] = [:]
        var inOrder: [SessionID] = []
        var locations: [Subject: Set<LocationID>] = [:]
        /// By subject first: a key of one user is nothing to another.
        var mints: [Subject: [IdempotencyKey: IdempotentMint]] = [:]
    }
    private let state = Mutex(State())
    private let capacity: Int

    /// - Parameter capacity: Sessions kept; beyond it the oldest is forgotten.
    package init(capacity: Int = 10_000) {
        self.capacity = capacity
    }

    package func insert(_ session: ConnectSession) async throws(BFFError) {
        state.withLock { state in
            if state.inOrder.count >= capacity,
                let oldest = state.sessions.removeValue(forKey: state.inOrder.removeFirst())
            {
                state.byToken[Self.key(oldest.connectToken)] = nil
            }
            state.sessions[session.id] = session
            state.byToken[Self.key(session.connectToken)] = session.id
            state.inOrder.append(session.id)
        }
    }

    package func session(_ id: SessionID) async throws(BFFError) -> ConnectSession? {
        state.withLock { $0.sessions[id] }
    }

    package func session(token: ConnectToken) async throws(BFFError) -> ConnectSession? {
        let key = Self.key(token)
        return state.withLock { state in state.byToken[key].flatMap { state.sessions[$0] } }
    }

    package func merge(_ facts: SessionFacts, into id: SessionID) async throws(BFFError) -> ConnectSession? {
        state.withLock { state in
            state.sessions[id]?.facts.merge(facts)
            return state.sessions[id]
        }
    }

    package func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> IdempotentMint? {
        state.withLock { state in
            state.mints[subject] = state.mints[subject]?.filter { !$0.value.isOver(at: now) }
            if let taken = state.mints[subject]?[key] { return taken }
            state.mints[subject, default: [:]][key] = mint
            return nil
        }
    }

    package func end(
        _ key: IdempotencyKey, of subject: Subject, with answer: IdempotentMint.Answer?
    ) async throws(BFFError) {
        state.withLock { state in
            if let answer {
                state.mints[subject]?[key]?.answer = answer
            } else {
                state.mints[subject]?[key] = nil
            }
        }
    }

    package func bind(_ location: LocationID, to subject: Subject) async throws(BFFError) {
        state.withLock { _ = $0.locations[subject, default: []].insert(location) }
    }

    package func unbind(_ location: LocationID, from subject: Subject) async throws(BFFError) -> Bool {
        state.withLock { $0.locations[subject]?.remove(location) != nil }
    }

    package func locations(of subject: Subject) async throws(BFFError) -> [LocationID] {
        state.withLock { $0.locations[subject] ?? [] }.sorted { $0.text < $1.text }
    }

    package func owns(_ subject: Subject, _ location: LocationID) async throws(BFFError) -> Bool {
        state.withLock { $0.locations[subject]?.contains(location) == true }
    }

    private static func key(_ token: ConnectToken) -> [UInt8] {
        Digest.sha256(token.exposed.utf8)
    }
}
