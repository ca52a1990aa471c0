package import Core
package import FoundationEssentials

/// Where sessions are kept.
///
/// Every call either answers or throws `storeUnavailable`; a store that cannot be asked never says "unknown".
package protocol SessionStore: Sendable {
    /// Keeps a new session.
    func insert(_ session: ConnectSession) async throws(BFFError)
    func session(_ id: SessionID) async throws(BFFError) -> ConnectSession?
    func session(token: ConnectToken) async throws(BFFError) -> ConnectSession?
    /// Merges `facts` into the session and gives back the result; nil when there is no such session.
    func merge(_ facts: SessionFacts, into id: SessionID) async throws(BFFError) -> ConnectSession?
    /// Takes a key for a mint, unless it is taken.
    /// - Returns: The mint that has the key already; nil when it is now `mint`'s.
    func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> IdempotentMint?
    /// Says what came of the mint that has the key; nil gives the key back.
    func end(
        _ key: IdempotencyKey, of subject: Subject, with answer: IdempotentMint.Answer?
    ) async throws(BFFError)
    /// Makes `location` one of the subject's own. Twice is once.
    func bind(_ location: LocationID, to subject: Subject) async throws(BFFError)
    /// Undoes ``bind(_:to:)``.
    /// - Returns: False when it was not the subject's.
    func unbind(_ location: LocationID, from subject: Subject) async throws(BFFError) -> Bool
    /// The subject's own locations, sorted.
    func locations(of subject: Subject) async throws(BFFError) -> [LocationID]
    func owns(_ subject: Subject, _ location: LocationID) async throws(BFFError) -> Bool
}
