import FoundationEssentials

/// Meter records (upstream.md §6.8).
extension World {
    /// The most records of a call.
    private static let recordLimit = 10_000

    mutating func submitIntervals(_ call: APICall) throws(Refusal) -> JSON {
        guard let rows = try Self.document(of: call.request).array else {
            throw .dataInvalid("the body must be an array")
        }
        try Self.check(count: rows.count)
        return submit(rows, call) { (row, world) throws(Refusal) in
            let fields = try Fields(row, named: "a record")
            return .record(try MeterRecord(fields, world, scope: call.scope, call.dialect))
        }
    }

    mutating func submitCumulative(_ call: APICall) throws(Refusal) -> JSON {
        let body = try call.fields()
        let series = try MeterRecord.Series(body, self, scope: call.scope, call.dialect)
        guard let name = try body.text("units") else { throw .invalid("units_missing", "units is required") }
        guard name == "WH" || name == "KWH" else { throw .invalid("units_invalid", "units must be WH or KWH") }
        guard let rows = body.members["data"]?.array else { throw .dataInvalid("data must be an array") }
        try Self.check(count: rows.count)
        var highest: (time: Int, value: Double)?
        return submit(rows, call) { (row, _) throws(Refusal) in
            let fields = try Fields(row, named: "a reading")
            guard let time = Int(exactly: try fields.number("time")), (0...253_402_300_799).contains(time) else {
                throw .invalid("time_invalid", "time must be in whole seconds since 1970")
            }
            let value = try fields.number("value") * (name == "KWH" ? 1000 : 1)
            guard value >= 0, value <= 1e15 else { throw .invalid("value_invalid", "value must not be negative") }
            if let highest, time > highest.time, value < highest.value {
                throw .invalid("value_invalid", "value must not be less than the one before")
            }
            if highest.map({ time > $0.time }) ?? true { highest = (time, value) }
            let reading = MeterLedger.Reading(
                time: time, value: value, reference: try fields.text("record_reference_id"))
            return .reading(reading, of: series)
        }
    }

    private static func check(count: Int) throws(Refusal) {
        guard (1...recordLimit).contains(count) else {
            throw .invalid("records_count_invalid", "A call has 1 to \(recordLimit) records")
        }
    }

    /// Takes the good records and lists the bad ones; those of a device say that it was seen.
    private mutating func submit(
        _ rows: [JSON], _ call: APICall, read: (JSON, World) throws(Refusal) -> Meters.Item
    ) -> JSON {
        var items: [Meters.Item] = []
        var failed: [JSON] = []
        for (number, row) in rows.enumerated() {
            let reference = row["record_reference_id"]?.string
            do throws(Refusal) {
                if let text = meters.settings.refused, reference?.contains(text) == true {
                    throw .bare(400, "Refused by the sandbox")
                }
                items.append(try read(row, self))
            } catch {
                let entry: JSON = ["record_num": .int(number), "error": .string(error.message)]
                failed.append(entry.merging(reference.map { ["record_reference_id": .string($0)] } ?? [:]))
            }
        }
        for id in Set(items.compactMap(\.series.deviceID)) { devices[id]?.lastSeen = call.now }
        let batch = Meters.Batch(
            id: ids.next("bat"), scope: call.scope, submitted: rows.count, items: items, failed: failed,
            created: call.now)
        meters.add(batch)
        processMeters(at: call.now)
        return meters.batches[batch.id]?.json ?? .null
    }

    func meterBatch(_ call: APICall) throws(Refusal) -> JSON {
        guard let id = call.query["batch_id"], !id.isEmpty else {
            throw .invalid("batch_id_missing", "batch_id is required")
        }
        guard let batch = meters.batches[id], batch.scope == call.scope else { throw .notFound }
        return batch.json
    }

    /// Processes what is due, with an event for each location whose costs are new.
    mutating func processMeters(at now: Date) {
        for (location, scope) in meters.process(at: now) { recordUpdate(of: location, scope: scope, at: now) }
    }
}
