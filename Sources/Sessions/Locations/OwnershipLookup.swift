import Core
import Networking
import Synchronization

/// Looks up which locations are a subject's own: in memory as long as that is safe, and in the store otherwise; the driver
/// of ``OwnershipCache``.
final class OwnershipLookup: Sendable {
    private let store: any LocationStore
    private let time: ServiceClock
    private let cache = Mutex(OwnershipCache())

    /// - Parameter time: A monotonic clock, by which what is cached ages.
    init(store: any LocationStore, time: ServiceClock) {
        self.store = store
        self.time = time
    }

    // MARK: - In memory

    /// Finds a location that is the subject's own, without waiting; `nil` when the store has to be read.
    func cached(_ location: LocationID, of subject: Subject) -> OwnedLocation? {
        cached { $0.location(location, of: subject, at: time.now()) }
    }

    /// Lists the subject's own locations, without waiting; `nil` when the store has to be read.
    func cachedLocations(of subject: Subject) -> [OwnedLocation]? {
        cached { $0.locations(of: subject, at: time.now()) }
    }

    private func cached<Found>(_ find: (borrowing OwnershipCache) -> Found?) -> Found? {
        guard cache.withLock({ find($0) != nil }), store.detectChanges() else { return nil }
        // A change that was detected just now has removed it.
        return cache.withLock { find($0) }
    }

    // MARK: - In the store

    /// Reads a location that is the subject's own from the store, and caches it; `nil` for any other.
    func read(_ location: LocationID, of subject: Subject) async throws(BFFError) -> OwnedLocation? {
        let reading = reading(of: subject)
        let found = try await store.ownedLocation(location, of: subject)
        if let found { cache.withLock { $0.insert(found, reading) } }
        return found
    }

    /// Lists the subject's own locations from the store, and caches them.
    func readLocations(of subject: Subject) async throws(BFFError) -> [OwnedLocation] {
        let reading = reading(of: subject)
        let locations = try await store.ownedLocations(of: subject)
        cache.withLock { $0.insert(all: locations, reading) }
        return locations
    }

    private func reading(of subject: Subject) -> OwnershipCache.Reading {
        OwnershipCache.Reading(of: subject, generation: cache.withLock(\.generation), at: time.now())
    }

    // MARK: - Changes

    /// Invalidates what a change concerns.
    func apply(_ change: StoreChange) {
        cache.withLock { cache in
            switch change {
            case .changed: break
            case .ownershipChanged(let subject): cache.invalidate(subject)
            case .locationChanged(let location): cache.invalidate(location)
            case .anyLocationChanged: cache.invalidateAll()
            case .subscribed: cache.subscriptionChanged(isActive: true)
            case .unsubscribed: cache.subscriptionChanged(isActive: false)
            }
        }
    }
}
