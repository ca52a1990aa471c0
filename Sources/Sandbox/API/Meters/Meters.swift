import FoundationEssentials

extension Sandbox {
    /// How meter records are taken.
    package struct MeterSettings: Equatable, Sendable {
        /// Seconds after which all records of a batch are processed; before, a part is.
        package var processingSeconds = 1.0
        /// Nothing is processed until this ends.
        package var isHeld = false
        /// Records whose reference has this in it are bad; nil for none.
        package var refused: String?

        /// The defaults above.
        package init() {}
    }
}

/// All meter records, and the batches that brought them.
struct Meters: Sendable {
    /// What a batch brings.
    enum Item: Sendable {
        case record(MeterRecord)
        case reading(MeterLedger.Reading, of: MeterRecord.Series)

        var series: MeterRecord.Series {
            switch self {
            case .record(let record): record.series
            case .reading(_, let series): series
            }
        }
    }

    struct Batch: Sendable {
        let id: String
        let scope: Scope
        let submitted: Int
        let items: [Item]
        let failed: [JSON]
        let created: Date
        var processed = 0

        var isProcessed: Bool { processed == items.count }

        var json: JSON {
            [
                "id": .string(id), "object": "meter_batch", "live_mode": .bool(scope.live),
                "records_submitted": .int(submitted), "records_accepted": .int(items.count),
                "records_processed": .int(processed), "failed_records": .array(failed),
                "time_created": .string(Timestamp.utc(created)), "account_id": .string(scope.account),
            ]
        }
    }

    var settings = Sandbox.MeterSettings()
    /// By location.
    private(set) var ledgers: [String: MeterLedger] = [:]
    private(set) var batches: [String: Batch] = [:]
    /// Those that are not processed, the oldest first.
    private var open: [String] = []
    private var locationsBySession: [String: Set<String>] = [:]
    private var count = 0

    mutating func add(_ batch: Batch) {
        batches[batch.id] = batch
        open.append(batch.id)
    }

    mutating func store(_ item: Item) {
        count += 1
        let series = item.series
        if let session = series.session { locationsBySession[session, default: []].insert(series.locationID) }
        switch item {
        case .record(var record):
            record.number = count
            ledgers[series.locationID, default: MeterLedger()].store(record)
        case .reading(let reading, _):
            ledgers[series.locationID, default: MeterLedger()].store(reading, of: series, number: count)
        }
    }

    /// Processes what is due; the locations of the batches that are processed now.
    mutating func process(at now: Date) -> [(locationID: String, scope: Scope)] {
        guard !open.isEmpty, !settings.isHeld else { return [] }
        var ended: [(locationID: String, scope: Scope)] = []
        for id in open {
            guard var batch = batches[id] else { continue }
            let share =
                settings.processingSeconds > 0
                ? now.timeIntervalSince(batch.created) / settings.processingSeconds : 1
            let due = min(batch.items.count, Int(Double(batch.items.count) * max(0, min(share, 1))))
            for item in batch.items[min(batch.processed, due)..<due] { store(item) }
            batch.processed = max(batch.processed, due)
            batches[id] = batch
            if batch.isProcessed {
                ended += Set(batch.items.map(\.series.locationID)).sorted().map { ($0, batch.scope) }
            }
        }
        open.removeAll { batches[$0]?.isProcessed ?? true }
        return ended
    }

    /// The locations at which a session has records.
    func locations(ofSession session: String) -> Set<String> { locationsBySession[session] ?? [] }
}
