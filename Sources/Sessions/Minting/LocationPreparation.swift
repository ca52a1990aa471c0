import Core
import Flatpeak
import FoundationEssentials
import Resilience

/// Makes the location of a new session, where Flatpeak requires one that exists (upstream.md §9).
///
/// Its reference at Flatpeak is the session's random id, which is in the write ledger before the call. No subject owns the
/// location until the session comes to a result. When the process ends between the call and the session, the ledger has the
/// reference for a day, and no subject ever owns the location.
struct LocationPreparation: Sendable {
    let flatpeak: FlatpeakClient
    let cache: SessionCache
    let now: @Sendable () -> Date

    /// - Throws: `storeUnavailable`, without a call to Flatpeak, or `postalAddressRequired`.
    func createLocation(
        of session: SessionID, at address: PostalAddress?, for subject: Subject
    ) async throws(BFFError) -> LocationID {
        let ledger = try entry(for: session)
        let taken = try await cache.withStore { store throws(BFFError) in
            try await store.begin(ledger.entry, as: ledger.key, of: subject, at: ledger.entry.startedAt)
        }
        // An id of 96 random bits.
        guard taken == nil else { throw .internalFailure }
        do throws(WriteFailure) {
            return try await flatpeak.createLocation(session, at: address, for: CallerKey(subject))
        } catch {
            switch error {
            case .refused: await finish(session, of: subject)
            case .unknown:
                try? await cache.withStore { store throws(BFFError) in
                    try await store.end(ledger.key, of: subject, heldBy: session.text, as: .unknown)
                }
            }
            throw error.error
        }
    }

    /// Removes the entry of a session that is stored, or of a location that was not made.
    func finish(_ session: SessionID, of subject: Subject) async {
        guard let key = IdempotencyKey(session.text) else { return }
        try? await cache.withStore { store throws(BFFError) in
            try await store.removeEntry(key, of: subject, heldBy: session.text)
        }
    }

    /// The entry names the reference where others name their location.
    private func entry(for session: SessionID) throws(BFFError) -> (key: IdempotencyKey, entry: LedgerEntry) {
        guard let key = IdempotencyKey(session.text), let reference = LocationID(session.text) else {
            throw .internalFailure
        }
        return (
            key,
            LedgerEntry(route: "POST /locations", location: reference, body: [], owner: session.text, startedAt: now())
        )
    }
}
