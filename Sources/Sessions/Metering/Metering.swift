package import Core
import Flatpeak
import FoundationEssentials
import Logging
import Metrics
import Networking
import Resilience

/// Meter records of a subject's own locations, on their way to Flatpeak.
package struct Metering: Sendable {
    private let flatpeak: FlatpeakClient
    private let cache: SessionCache
    private let locations: LocationOwnership
    private let reads: LocationReads
    private let writes: WriteOnce
    private let now: @Sendable () -> Date

    init(
        flatpeak: FlatpeakClient, cache: SessionCache, locations: LocationOwnership, reads: LocationReads,
        writes: WriteOnce, now: @escaping @Sendable () -> Date
    ) {
        self.flatpeak = flatpeak
        self.cache = cache
        self.locations = locations
        self.reads = reads
        self.writes = writes
        self.now = now
    }

    /// The form of a request's records.
    package enum Form: String, Sendable {
        /// The energy of periods.
        case interval
        /// What a register shows at instants.
        case cumulative
    }

    /// Sends meter records to Flatpeak, once.
    /// - Returns: The batch as JSON.
    /// - Throws: `notFound` for a location or a device that is not the subject's, whether it exists or not.
    package func submit(
        _ body: [UInt8], _ form: Form, as key: IdempotencyKey?, at location: LocationID, for subject: Subject
    ) async throws(BFFError) -> WriteAnswer {
        try await locations.require(location, ownedBy: subject)
        let request = WriteRequest(
            route: "PUT /v1/locations/{id}/meters/\(form.rawValue)", location: location, subject: subject, key: key,
            body: body)
        return try await writes.send(request) { () throws(WriteFailure) in
            let upload: MeterUpload
            do throws(BFFError) {
                upload = try await read(body, form, of: SubjectDigest(subject), at: location)
                try await requireDevices(upload.devices, at: location, of: subject)
            } catch {
                throw .refused(error)
            }
            // Also where it is not known what became of them: the costs say, which are read anew.
            defer { reads.invalidate(location) }
            let batch =
                switch form {
                case .interval: try await flatpeak.submitIntervals(upload.body, for: CallerKey(subject))
                case .cumulative: try await flatpeak.submitReadings(upload.body, for: CallerKey(subject))
                }
            return try await taken(batch, of: upload.count, at: location, for: subject)
        }
    }

    /// Reads the body where it holds up no event loop.
    private func read(
        _ body: [UInt8], _ form: Form, of owner: SubjectDigest, at location: LocationID
    ) async throws(BFFError) -> MeterUpload {
        let result = await runDetached { [flatpeak] () async -> Result<MeterUpload, BFFError> in
            do throws(BFFError) {
                return switch form {
                case .interval: .success(try await MeterUpload.intervals(body, of: owner, at: location, for: flatpeak))
                case .cumulative: .success(try await MeterUpload.readings(body, of: owner, at: location, for: flatpeak))
                }
            } catch {
                return .failure(error)
            }
        }
        guard let result else { throw .clientClosed }
        return try result.get()
    }

    private func requireDevices(
        _ devices: Set<DeviceID>, at location: LocationID, of subject: Subject
    ) async throws(BFFError) {
        guard !devices.isEmpty else { return }
        let known = try await cache.withStore { store throws(BFFError) in
            try await store.devices(at: location, of: subject)
        }
        guard devices.isSubset(of: known.map(\.id)) else { throw .notFound }
    }

    /// Keeps a batch that Flatpeak took.
    private func taken(
        _ batch: MeterBatch, of count: Int, at location: LocationID, for subject: Subject
    ) async throws(WriteFailure) -> WriteAnswer {
        let failed = min(batch.failed_records?.count ?? 0, count)
        Self.count(failed, "failed")
        Self.count(count - failed, "accepted")
        // Without it only the batch cannot be asked about.
        await keep(batch, at: location, of: subject, sentAt: now())
        do throws(BFFError) {
            return WriteAnswer(status: 200, body: try JSONBody.encode(batch))
        } catch {
            throw .unknown(error)
        }
    }

    private static func count(_ records: Int, _ result: String) {
        Counter(label: "connect_bff_meter_records_total", dimensions: [("result", result)]).increment(by: records)
    }

    // MARK: - Batches

    /// Reads how far a batch of the subject's is processed.
    /// - Returns: The batch as JSON.
    /// - Throws: `notFound` for a batch that the subject did not send for this location, whether it exists or not.
    package func batch(
        _ id: BatchID, at location: LocationID, for subject: Subject
    ) async throws(BFFError) -> [UInt8] {
        try await locations.require(location, ownedBy: subject)
        let stored = try await cache.withStore { store throws(BFFError) in
            try await store.batch(id, at: location, of: subject)
        }
        guard let stored else { throw .notFound }
        let batch = try await flatpeak.batch(id, for: CallerKey(subject))
        guard batch.id == id else { throw .upstreamInvalidAnswer }
        if batch.isProcessed, !stored.isProcessed {
            await keep(batch, at: location, of: subject, sentAt: stored.sentAt)
        }
        return try JSONBody.encode(batch)
    }

    /// Keeps how far a batch is processed; what it changes is read anew from then on.
    private func keep(_ batch: MeterBatch, at location: LocationID, of subject: Subject, sentAt: Date) async {
        let stored = StoredBatch(
            id: batch.id, location: location, subject: subject, isProcessed: batch.isProcessed, sentAt: sentAt)
        _ = try? await cache.withStore { store throws(BFFError) in try await store.keep(stored) }
        reads.invalidate(location)
    }
}
