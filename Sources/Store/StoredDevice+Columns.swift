import Core
import FoundationEssentials
import Sessions

extension StoredDevice {
    /// Reads the columns of a device.
    /// - Parameter quarantine: Takes one that cannot be read.
    init?(
        id: String, at location: LocationID, of subject: Subject, reference: String?, type: String?, createdAt: Double,
        _ quarantine: Quarantine
    ) {
        let name = reference.flatMap { ClientReference($0) }
        guard let device = DeviceID(id), let createdAt = try? Date(row: createdAt),
            reference == nil || name != nil
        else {
            quarantine.add("device", id)
            return nil
        }
        self.init(
            id: device, location: location, subject: subject, reference: name, type: type, createdAt: createdAt)
    }
}

extension StoredBatch {
    /// Reads the columns of a batch.
    /// - Parameter quarantine: Takes one that cannot be read.
    init?(
        id: BatchID, at location: LocationID, of subject: Subject, isProcessed: Bool, sentAt: Double,
        _ quarantine: Quarantine
    ) {
        guard let sentAt = try? Date(row: sentAt) else {
            quarantine.add("meter_batch", id.text)
            return nil
        }
        self.init(id: id, location: location, subject: subject, isProcessed: isProcessed, sentAt: sentAt)
    }
}
