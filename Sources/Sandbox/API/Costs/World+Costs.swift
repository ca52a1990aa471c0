import FoundationEssentials

/// Costs of energy (upstream.md §6.7).
extension World {
    /// One record in, its cost out; it is kept unless `non_persistent` says otherwise.
    mutating func instantCost(_ call: APICall) throws(Refusal) -> JSON {
        let fields = try call.fields()
        var record = try MeterRecord(fields, self, scope: call.scope, call.dialect)
        guard let location = location(record.series.locationID, in: call.scope) else { throw .notFound }
        let curve = try curve(at: location, record.series.direction, call, isLocalFree: true)
        record.number = .max
        var ledger = meters.ledgers[location.id] ?? MeterLedger()
        ledger.store(record)
        let days = curve.days(from: record.start, to: record.end)
        // A forecast that a measured record stands against is priced all the same.
        let others = ledger.records(record.series.direction, from: days.start, to: days.end)
            .filter { $0.number != record.number }
        let bill = EnergyBill(others + [record], curve)
        var sum = EnergyBill.Sum()
        for part in bill.parts where part.record == others.count { sum.add(part) }

        let isSimulation = call.query["non_persistent"] == "true"
        if !isSimulation {
            if let id = record.series.deviceID { devices[id]?.lastSeen = call.now }
            meters.store(.record(record))
            recordUpdate(of: location.id, scope: call.scope, at: call.now)
        }
        var request = fields.members
        if call.dialect.isZero, isSimulation { request["non_persistent"] = true }
        let dialect = call.dialect
        return envelope("mre", "meter_record", call).merging(
            [
                dialect.flowDirection: .string(record.series.flow.name(dialect)),
                dialect.recordDirection: .string(record.series.direction.rawValue),
                "currency_code": .string(curve.market.currencyCode), "energy_units": "WH",
                "request": .object(request),
                "data": .object(record.members(offset: record.offset).merging(sum.json(call)) { $1 }),
            ], call.carbonUnits)
    }

    /// The records of a session, wherever they are: its reference is the account's.
    mutating func sessionCost(_ call: APICall) throws(Refusal) -> JSON {
        let session = call.id ?? ""
        let direction = try Direction(call.queryFields, [call.dialect.costDirection])
        let places = meters.locations(ofSession: session).sorted().compactMap { location($0, in: call.scope) }
        guard let first = places.first else { throw .notFound }
        var rows: [JSON] = []
        var owner: String?
        for location in places {
            let ledger = meters.ledgers[location.id] ?? MeterLedger()
            let mine = ledger.records(direction, from: .min, to: .max).filter { $0.series.session == session }
            owner = owner ?? mine.first.map { $0.series.deviceID ?? location.id }
            let curve = try curve(at: location, direction, call, isLocalFree: true)
            guard let start = mine.first?.start, let end = mine.map(\.end).max() else { continue }
            let days = curve.days(from: start, to: end)
            let bill = EnergyBill(ledger.records(direction, from: days.start, to: days.end), curve)
            rows += bill.rows(call) {
                $0.series.session == session
            } offset: {
                location.address.zone.offset(at: $0)
            }
        }
        return cost(of: owner ?? first.id, at: first, direction, rows, call)
    }

    /// The records of a location or a device in a window, one by one or by day or month of the location's calendar.
    ///
    /// A location's are its own and those of its devices (a choice: the documents do not say).
    mutating func intervalCost(_ call: APICall) throws(Refusal) -> JSON {
        let device = device(call.id, in: call.scope)
        let places = device.map { device in
            meters.ledgers.filter { $0.value.records.contains { $0.series.deviceID == device.id } }.keys.sorted()
        }
        let id = places.map { $0.first ?? device?.locationIDs.first } ?? call.id
        guard let location = location(id, in: call.scope) else { throw .notFound }
        let direction = try Direction(call.queryFields, [call.dialect.costDirection])
        var aggregation: EnergyBill.Aggregation?
        if let name = call.query["aggregation"] {
            aggregation = EnergyBill.Aggregation(rawValue: name)
            guard aggregation != nil else { throw .invalid("aggregation_invalid", "aggregation must be DAY or MONTH") }
        }
        let window = try TimeWindow(try call.fields(), zone: location.address.zone)
        let curve = try curve(at: location, direction, call, isLocalFree: true)
        let (start, end) = (window.start.epochSeconds, window.end.epochSeconds)
        let days = curve.days(from: start, to: end)
        let ledger = meters.ledgers[location.id] ?? MeterLedger()
        let bill = EnergyBill(
            ledger.records(direction, from: days.start, to: days.end), curve, cutAt: [start, end])
        let rows = bill.rows(call, from: start, to: end, by: aggregation, zone: curve.zone) { record in
            device == nil || record.series.deviceID == device?.id
        } offset: { _ in
            window.offset
        }
        return cost(of: device?.id ?? location.id, at: location, direction, rows, call)
    }

    private mutating func cost(
        of owner: String, at location: Location, _ direction: Direction, _ rows: [JSON], _ call: APICall
    ) -> JSON {
        envelope("ecs", "energy_cost", call).merging(
            of(location).filter { $0.key != "location_id" },
            [
                "object_id": .string(owner), call.dialect.costDirection: .string(direction.rawValue),
                "energy_units": "WH", "data": .array(rows),
            ], call.carbonUnits)
    }
}

extension APICall {
    fileprivate var queryFields: Fields {
        Fields(Dictionary(query.fields.map { ($0.name, .string($0.value)) }) { first, _ in first })
    }

    fileprivate var carbonUnits: [String: JSON] { wantsCarbon ? ["carbon_units": "gCO2eq"] : [:] }
}

extension PriceCurve {
    /// The local days that hold a span, whole: tiers count from their beginning.
    fileprivate func days(from start: Int, to end: Int) -> (start: Int, end: Int) {
        let last = zone.wallClock(at: end - 1).day.daysSinceEpoch
        return (zone.startOfDay(zone.wallClock(at: start).day.daysSinceEpoch), zone.startOfDay(last + 1))
    }
}

extension MeterRecord {
    /// Times and references, as rows have them.
    fileprivate func members(offset: Int) -> [String: JSON] {
        var members: [String: JSON] = [
            "start_time": .string(Timestamp.local(start, offset: offset)),
            "end_time": .string(Timestamp.local(end, offset: offset)),
        ]
        members["session_reference_id"] = series.session.map(JSON.string)
        members["record_reference_id"] = reference.map(JSON.string)
        return members
    }
}

extension EnergyBill {
    /// What one row of a cost holds, where it is not one record.
    enum Aggregation: String {
        case day = "DAY"
        case month = "MONTH"
    }

    /// One row for each record, over all of its time.
    fileprivate func rows(
        _ call: APICall, where isWanted: (MeterRecord) -> Bool, offset: (Int) -> Int
    ) -> [JSON] {
        var sums = records.map { _ in Sum() }
        for part in parts { sums[part.record].add(part) }
        return zip(records, sums).filter { isWanted($0.0) }.map { record, sum in
            .object(record.members(offset: offset(record.start)).merging(sum.json(call)) { $1 })
        }
    }

    /// The rows of a window: a record that is in it in part counts in part.
    fileprivate func rows(
        _ call: APICall, from start: Int, to end: Int, by aggregation: Aggregation?, zone: LocalZone,
        where isWanted: (MeterRecord) -> Bool, offset: (Int) -> Int
    ) -> [JSON] {
        /// What the parts of a row have in common, in the order of the rows.
        struct Row {
            var key: Int
            var from: Int
            var to: Int
            var sum = Sum()
        }
        var rows: [Int: Row] = [:]
        for part in parts where part.from >= start && part.to <= end && isWanted(records[part.record]) {
            let day = zone.wallClock(at: part.from).day
            let (key, from, to) =
                switch aggregation {
                case nil: (part.record, part.from, part.to)
                case .day:
                    (day.daysSinceEpoch, zone.startOfDay(day.daysSinceEpoch), zone.startOfDay(day.daysSinceEpoch + 1))
                case .month: (day.year * 12 + day.month, zone.startOfMonth(day), zone.startOfMonth(day.nextMonth))
                }
            var row = rows[key] ?? Row(key: key, from: max(from, start), to: min(to, end))
            row.to = max(row.to, min(to, end))
            row.sum.add(part)
            rows[key] = row
        }
        return rows.values.sorted { ($0.from, $0.key) < ($1.from, $1.key) }.map { row in
            var members: [String: JSON] = [
                "start_time": .string(Timestamp.local(row.from, offset: offset(row.from))),
                "end_time": .string(Timestamp.local(row.to, offset: offset(row.to))),
            ]
            if aggregation == nil {
                members["session_reference_id"] = records[row.key].series.session.map(JSON.string)
                members["record_reference_id"] = records[row.key].reference.map(JSON.string)
            }
            return .object(members.merging(row.sum.json(call)) { $1 })
        }
    }
}

extension LocalZone {
    fileprivate func startOfMonth(_ day: CivilDay) -> Int {
        startOfDay(CivilDay(year: day.year, month: day.month, dayOfMonth: 1).daysSinceEpoch)
    }
}

extension CivilDay {
    fileprivate var nextMonth: CivilDay {
        month == 12
            ? CivilDay(year: year + 1, month: 1, dayOfMonth: 1) : CivilDay(year: year, month: month + 1, dayOfMonth: 1)
    }
}
