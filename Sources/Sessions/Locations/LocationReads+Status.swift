package import Core
package import Flatpeak
package import FoundationEssentials
package import Resilience

// The location itself, its tariffs, and how they stand.

extension LocationReads {
    private static let statusLife = Duration.seconds(5)
    private static let tariffsLife = Duration.seconds(30)

    /// Reads the location.
    package func location(with access: LocationAccess) async throws(BFFError) -> Response {
        var response = try await read(.location, with: access) { [flatpeak] () throws(BFFError) in
            (try await flatpeak.location(access.location, for: access.caller), Self.statusLife)
        }
        response.action = try await sessionCache.requiredAction(at: access.location, for: access.subject)
        return response
    }

    /// Reads the state of a location's tariffs.
    package func status(with access: LocationAccess) async throws(BFFError) -> Response {
        var response = try await read(.status, with: access) { [self] () throws(BFFError) in
            (try await fetchStatus(of: access.location, for: access.caller).status.body, Self.statusLife)
        }
        response.action = try await sessionCache.requiredAction(at: access.location, for: access.subject)
        return response
    }

    /// Reads the tariffs of a location.
    /// - Parameter query: Of whatever location; that of the access counts.
    package func tariffs(_ query: TariffQuery, with access: LocationAccess) async throws(BFFError) -> Response {
        var query = query
        query.location = access.location
        return try await read(.tariffs(query), with: access) { [flatpeak, query] () throws(BFFError) in
            (try await flatpeak.tariffs(query, for: access.caller), Self.tariffsLife)
        }
    }

    /// Invalidates a location's answers and reads the state of its tariffs, regardless of its owner.
    /// - Parameter caller: The principal on whose behalf Flatpeak is called.
    /// - Returns: The status, and when the query began.
    package func refreshStatus(
        of location: LocationID, for caller: CallerKey
    ) async throws(BFFError) -> (status: LocationStatus, queriedAt: Date) {
        invalidate(location)
        return try await fetchStatus(of: location, for: caller)
    }

    /// Invalidates a location's answers after a change there, and clears its required action if that is done.
    /// - Parameter owner: The principal on whose behalf Flatpeak is called.
    package func handleChange(at location: LocationID, of owner: Subject) async throws(BFFError) {
        invalidate(location)
        let hasAction = try await sessionCache.withStore { store throws(BFFError) in
            try await !store.actions(at: [location]).isEmpty
        }
        if hasAction { _ = try await fetchStatus(of: location, for: CallerKey(owner)) }
    }

    /// Reads a status from Flatpeak, and clears the location's required action if that is done.
    private func fetchStatus(
        of location: LocationID, for caller: CallerKey
    ) async throws(BFFError) -> (status: LocationStatus, queriedAt: Date) {
        let queriedAt = now()
        let status = try await flatpeak.status(of: location, for: caller)
        try await sessionCache.withStore { store throws(BFFError) in
            guard let action = try await store.actions(at: [location])[location],
                !status.stillRequires(action.required, of: action.tariff)
            else { return }
            try await store.clearAction(at: location, knownBefore: queriedAt)
        }
        return (status, queriedAt)
    }
}
