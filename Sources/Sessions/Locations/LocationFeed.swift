package import Core

/// What changes at users' own locations, for clients that follow them.
package struct LocationFeed: Sendable {
    private let cache: SessionCache
    private let locations: LocationOwnership

    init(cache: SessionCache, locations: LocationOwnership) {
        self.cache = cache
        self.locations = locations
    }

    /// Reads what a client follows at a location.
    /// - Throws: What ``LocationOwnership/require(_:ownedBy:)`` throws.
    package func state(of location: LocationID, for subject: Subject) async throws(BFFError) -> LocationState {
        try await locations.require(location, ownedBy: subject)
        return try await cache.withStore { store throws(BFFError) in try await store.state(of: location) }
    }

    /// Follows a location for as long as `body` runs: changes on any node wake its watch.
    package func watch(
        _ location: LocationID, _ body: (LocationWatch) async throws -> Void
    ) async throws {
        try await cache.watchers.watch(location, body)
    }
}
