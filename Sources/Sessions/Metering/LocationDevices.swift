package import Core
import Flatpeak
import FoundationEssentials
import Logging
import Networking
import Resilience

/// The devices that a subject created at its own locations.
package struct LocationDevices: Sendable {
    private let flatpeak: FlatpeakClient
    private let cache: SessionCache
    private let locations: LocationOwnership
    private let writes: WriteOnce
    private let now: @Sendable () -> Date
    private let logger: Logger

    /// More devices than a location has, and few enough to list them all.
    static let most = 100

    init(
        flatpeak: FlatpeakClient, cache: SessionCache, locations: LocationOwnership, writes: WriteOnce,
        now: @escaping @Sendable () -> Date, logger: Logger
    ) {
        self.flatpeak = flatpeak
        self.cache = cache
        self.locations = locations
        self.writes = writes
        self.now = now
        self.logger = logger
    }

    /// Lists the subject's devices at a location, as JSON.
    /// - Throws: `notFound` for a location that is not the subject's, whether it exists or not.
    package func list(at location: LocationID, for subject: Subject) async throws(BFFError) -> [UInt8] {
        try await locations.require(location, ownedBy: subject)
        let devices = try await stored(at: location, of: subject)
        return try JSONBody.encode(DeviceList(data: devices.map { DeviceView($0) }))
    }

    /// Creates a device at Flatpeak, once.
    /// - Returns: The device as JSON.
    /// - Throws: `notFound` for a location that is not the subject's, whether it exists or not.
    package func create(
        _ body: [UInt8], as key: IdempotencyKey?, at location: LocationID, for subject: Subject
    ) async throws(BFFError) -> WriteAnswer {
        try await locations.require(location, ownedBy: subject)
        let order = try DeviceRequest.read(body)
        let request = WriteRequest(
            route: "POST /v1/locations/{id}/devices", location: location, subject: subject, key: key, body: body)
        return try await writes.send(request) { () throws(WriteFailure) in
            do throws(BFFError) {
                guard try await stored(at: location, of: subject).count < Self.most else {
                    throw .invalidField("devices", reason: .tooMany)
                }
            } catch {
                throw .refused(error)
            }
            let device = try await flatpeak.createDevice(
                order.order(of: SubjectDigest(subject), at: location), for: CallerKey(subject))
            let createdAt = device.time_created.flatMap { RFC3339Timestamp($0) }.map { Date($0) }
            let stored = StoredDevice(
                id: device.id, location: location, subject: subject, reference: order.reference,
                type: order.type?.rawValue, createdAt: createdAt ?? now())
            do throws(BFFError) {
                // A device that is not stored is of no use here.
                guard try await add(stored) else { throw .notFound }
                logger.info(
                    "device created", metadata: ["bff.device": "\(device.id)", "bff.location": "\(location)"])
                return WriteAnswer(status: 201, body: try JSONBody.encode(DeviceView(stored)))
            } catch {
                throw .unknown(error)
            }
        }
    }

    /// Deletes a device at Flatpeak, and then here.
    /// - Throws: `notFound` for a device that is not the subject's at this location, whether it exists or not.
    package func delete(
        _ id: DeviceID, at location: LocationID, for subject: Subject
    ) async throws(BFFError) {
        try await locations.require(location, ownedBy: subject)
        guard try await stored(at: location, of: subject).contains(where: { $0.id == id }) else { throw .notFound }
        do throws(WriteFailure) { try await flatpeak.deleteDevice(id, for: CallerKey(subject)) } catch {
            // It may be repeated: deleted twice, it is deleted.
            throw error.error
        }
        _ = try await cache.withStore { store throws(BFFError) in
            try await store.removeDevice(id, at: location, of: subject)
        }
        logger.info("device deleted", metadata: ["bff.device": "\(id)", "bff.location": "\(location)"])
    }

    private func stored(at location: LocationID, of subject: Subject) async throws(BFFError) -> [StoredDevice] {
        try await cache.withStore { store throws(BFFError) in try await store.devices(at: location, of: subject) }
    }

    private func add(_ device: StoredDevice) async throws(BFFError) -> Bool {
        try await cache.withStore { store throws(BFFError) in try await store.add(device) }
    }
}

/// A device as its owner reads it.
private struct DeviceView: Encodable {
    let id: String
    let object = "device"
    let reference_id: String?
    let type: String?
    let time_created: Date

    init(_ device: StoredDevice) {
        id = device.id.text
        reference_id = device.reference?.text
        type = device.type
        time_created = device.createdAt
    }

    private enum CodingKeys: CodingKey { case id, object, reference_id, type, time_created }
}

private struct DeviceList: Encodable {
    let object = "list"
    let data: [DeviceView]

    private enum CodingKeys: CodingKey { case object, data }
}
