import Core

extension SessionCache {
    /// Applies a change to what is cached of locations, and wakes the callers that follow them.
    func apply(_ change: StoreChange, invalidate: (LocationID) -> Void) {
        ownership.apply(change)
        let changed =
            switch change {
            case .locationChanged(let location): [location]
            // Watchers may have missed a change.
            case .anyLocationChanged, .subscribed: watchers.locations
            case .changed, .ownershipChanged, .unsubscribed: [LocationID]()
            }
        for location in changed {
            invalidate(location)
            watchers.wake(location)
        }
    }

    /// Whether the location is the subject's, or a pending write makes it so; read from the store in any case.
    /// - Parameter isHeldAllowed: Whether a location that an unconfirmed session holds is no error.
    /// - Throws: `confirmationRequired` for a location of the subject's that an unconfirmed session holds.
    func owns(
        _ subject: Subject, _ location: LocationID, isHeldAllowed: Bool = false
    ) async throws(BFFError) -> Bool {
        // Before the store is read: a write that ends meanwhile is in one of the two.
        let isHeld = hasPendingHold(at: location)
        if !hasPendingBinding(subject, location) {
            let found = try await withStore { [ownership] _ throws(BFFError) in
                try await ownership.read(location, of: subject)
            }
            guard let found else { return false }
            if found.isHeld, !isHeldAllowed { throw .confirmationRequired }
        }
        if isHeld, !isHeldAllowed { throw .confirmationRequired }
        return true
    }

    /// Whether the subject may read the location: it is the subject's, or was moments ago (``OwnershipCache``).
    /// - Throws: `confirmationRequired` for a location of the subject's that an unconfirmed session holds.
    func mayRead(_ location: LocationID, for subject: Subject) async throws(BFFError) -> Bool {
        let isHeld = hasPendingHold(at: location)
        if let found = ownership.cached(location, of: subject) {
            if isHeld || found.isHeld { throw .confirmationRequired }
            return true
        }
        return try await owns(subject, location)
    }

    /// Lists the subject's own locations.
    func locations(of subject: Subject) async throws(BFFError) -> [OwnedLocation] {
        if let locations = ownership.cachedLocations(of: subject) { return locations }
        return try await withStore { [ownership] _ throws(BFFError) in try await ownership.readLocations(of: subject) }
    }

    /// Reads the action that is required at a location that the subject may read.
    func requiredAction(at location: LocationID, for subject: Subject) async throws(BFFError) -> RequiredAction? {
        if let location = ownership.cached(location, of: subject) { return location.action }
        return try await withStore { [ownership] store throws(BFFError) in
            if let location = try await ownership.read(location, of: subject) { return location.action }
            // Only a pending write makes it the subject's.
            return try await store.actions(at: [location])[location]?.required
        }
    }
}
