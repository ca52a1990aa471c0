package import Core
package import FoundationEssentials

/// The durable store of the devices that subjects created at their locations.
///
/// Every call either answers or throws `storeUnavailable`. A device goes with its subject's ownership of its location.
package protocol DeviceStore: Sendable {
    /// Stores a device at a location of its subject's own.
    ///
    /// One that is stored already stays as it is.
    /// - Returns: False when the location is not the subject's, and nothing is stored.
    func add(_ device: StoredDevice) async throws(BFFError) -> Bool
    /// Lists the subject's devices at a location, the oldest first.
    func devices(at location: LocationID, of subject: Subject) async throws(BFFError) -> [StoredDevice]
    /// Removes a device of the subject's at a location.
    /// - Returns: False when there was none.
    func removeDevice(_ id: DeviceID, at location: LocationID, of subject: Subject) async throws(BFFError) -> Bool
}

/// A device that a subject created at a location.
package struct StoredDevice: Equatable, Sendable {
    package let id: DeviceID
    package let location: LocationID
    package let subject: Subject
    /// The subject's own name for it, which Flatpeak has as a ``ScopedReference``.
    package let reference: ClientReference?
    /// What it is, in Flatpeak's words.
    package let type: String?
    package let createdAt: Date

    package init(
        id: DeviceID, location: LocationID, subject: Subject, reference: ClientReference? = nil, type: String? = nil,
        createdAt: Date
    ) {
        self.id = id
        self.location = location
        self.subject = subject
        self.reference = reference
        self.type = type
        self.createdAt = createdAt
    }
}
