package import Core
package import Flatpeak
import FoundationEssentials

// What energy cost.

extension LocationReads {
    /// Flatpeak prices past energy again when a past price is corrected (upstream.md §6.7).
    private static let costsLife = Duration.seconds(60)

    /// Reads what a location's energy cost.
    /// - Parameter query: Of whatever location; that of the access counts.
    /// - Throws: `notFound` for a device that is not the subject's at the location.
    package func costs(_ query: CostQuery, with access: LocationAccess) async throws(BFFError) -> Response {
        var query = query
        query.location = access.location
        query.direction = query.direction ?? .importing
        if let device = query.device { try await requireDevices([device], with: access) }
        return try await read(.costs(query), with: access, isCached: await areCostsSettled(at: access.location)) {
            [flatpeak, query] () throws(BFFError) in
            (try await flatpeak.costs(query, own: access.reference, for: access.caller), Self.costsLife)
        }
    }

    /// Reads what a session's energy cost.
    package func costs(
        ofSession reference: ClientReference, direction: TariffDirection?, with access: LocationAccess
    ) async throws(BFFError) -> Response {
        let scoped = ScopedReference(reference, of: access.owner, at: access.location)
        return try await costs(
            CostQuery(location: access.location, scope: .session(reference: scoped.text), direction: direction),
            with: access)
    }

    /// Reads what the energy of a record costs; the record is not stored.
    /// - Throws: `notFound` for a device that is not the subject's at the location.
    package func cost(of request: MeterRecordRequest, with access: LocationAccess) async throws(BFFError) -> Response {
        let record = try request.record(of: access.owner, at: access.location)
        if let device = record.device { try await requireDevices([device], with: access) }
        return try await read(.cost(record), with: access, isCached: await areCostsSettled(at: access.location)) {
            [flatpeak] () throws(BFFError) in
            (try await flatpeak.cost(of: record, own: access.reference, for: access.caller), Self.costsLife)
        }
    }

    /// - Throws: `notFound` unless all devices are the subject's at the location.
    func requireDevices(_ devices: Set<DeviceID>, with access: LocationAccess) async throws(BFFError) {
        let own = try await sessionCache.withStore { store throws(BFFError) in
            try await store.devices(at: access.location, of: access.subject)
        }
        guard devices.isSubset(of: own.map(\.id)) else { throw .notFound }
    }

    /// Whether no batch of the location's is on its way, as far as the store knows.
    private func areCostsSettled(at location: LocationID) async -> Bool {
        let after = now() - StoredBatch.longestProcessing
        let isUnprocessed = try? await sessionCache.withStore { store throws(BFFError) in
            try await store.hasUnprocessedBatch(at: location, after: after)
        }
        return isUnprocessed == false
    }
}

extension LocationAccess {
    fileprivate var owner: SubjectDigest { SubjectDigest(subject) }

    /// The client's reference behind one of Flatpeak's; `nil` for one of another owner or location.
    fileprivate var reference: @Sendable (String) -> String? {
        { [owner, location] in ScopedReference($0, of: owner, at: location)?.reference.text }
    }
}
