package import Core
package import FoundationEssentials

/// The durable store of the batches of meter records that subjects sent for their locations.
///
/// Every call either answers or throws `storeUnavailable`. A batch goes with its subject's ownership of its location, and
/// with the sessions of its age.
package protocol BatchStore: Sendable {
    /// Stores a batch of a location of its subject's own, or that it is processed; a processed batch stays so.
    /// - Returns: False when the location is not the subject's, and nothing is stored.
    func keep(_ batch: StoredBatch) async throws(BFFError) -> Bool
    /// Finds a batch of the subject's for a location; `nil` for any other.
    func batch(_ id: BatchID, at location: LocationID, of subject: Subject) async throws(BFFError) -> StoredBatch?
    /// Whether a batch of any subject that was sent for a location after `instant` may not be processed yet.
    func hasUnprocessedBatch(at location: LocationID, after instant: Date) async throws(BFFError) -> Bool
}

/// A batch of meter records that Flatpeak took.
package struct StoredBatch: Equatable, Sendable {
    package let id: BatchID
    package let location: LocationID
    package let subject: Subject
    /// Whether the costs of the location hold all of its records.
    package var isProcessed: Bool
    package let sentAt: Date

    package init(id: BatchID, location: LocationID, subject: Subject, isProcessed: Bool, sentAt: Date) {
        self.id = id
        self.location = location
        self.subject = subject
        self.isProcessed = isProcessed
        self.sentAt = sentAt
    }

    /// How long a batch may be unprocessed, in seconds: after that it counts as processed, asked about or not.
    package static let longestProcessing: TimeInterval = 3600
}
