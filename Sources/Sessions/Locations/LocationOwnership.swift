package import Core
import Logging

/// Locations and the subjects that may read them.
package struct LocationOwnership: Sendable {
    private let cache: SessionCache
    private let reads: LocationReads
    private let logger: Logger

    init(cache: SessionCache, reads: LocationReads, logger: Logger) {
        self.cache = cache
        self.reads = reads
        self.logger = logger
    }

    /// Lists the locations that sessions of `subject` gave, with the action that is required there.
    package func list(of subject: Subject) async throws(BFFError) -> [OwnedLocation] {
        try await cache.locations(of: subject)
    }

    /// Takes `location` from the subject; Flatpeak keeps its data.
    /// - Throws: `notFound` for a location that is not the subject's.
    package func unbind(_ location: LocationID, from subject: Subject) async throws(BFFError) {
        let wasOwned = try await cache.withStore { store throws(BFFError) in
            try await store.unbind(location, from: subject)
        }
        guard wasOwned else { throw .notFound }
        reads.invalidate(location)
        logger.info("location unbound", metadata: ["bff.location": "\(location)"])
    }

    /// Requires that a location is the subject's own; asks the store in any case.
    /// - Parameter isHeldAllowed: Whether a location that an unconfirmed session holds is no error.
    /// - Throws: `notFound` for a location that is not the subject's, whether it exists or not, and
    ///   `confirmationRequired` for one that an unconfirmed session holds.
    package func require(
        _ location: LocationID, ownedBy subject: Subject, isHeldAllowed: Bool = false
    ) async throws(BFFError) {
        guard try await cache.owns(subject, location, isHeldAllowed: isHeldAllowed) else { throw .notFound }
    }
}
