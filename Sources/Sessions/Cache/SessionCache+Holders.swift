import Core

/// Holders are never cached: the store alone decides which document holds a session.
extension SessionCache {
    /// Reads a session and its holder from the store, past the cache.
    /// - Throws: `storeUnavailable`, also for a session that is not persisted yet.
    func held(_ id: SessionID) async throws(BFFError) -> HeldSession? {
        guard await isRowPersisted(id) else { throw .storeUnavailable }
        return try await withStore { store throws(BFFError) in try await store.held(id) }
    }

    /// Takes over a session whose confirmation the store has just changed, and resumes callers that wait for it.
    func confirmed(_ session: ConnectSession, readGeneration: Int) {
        _ = refresh(session, readGeneration: readGeneration)
        wake(session.id)
    }

    /// Makes `holder` the holder of a session, unless another document became it since `held` was read.
    func setHolder(_ holder: SessionHolder, of held: HeldSession) async throws(BFFError) -> Bool {
        try await withStore { store throws(BFFError) in
            try await store.setHolder(holder, of: held.session.id, replacing: held.holder)
        }
    }
}
