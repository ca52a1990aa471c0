import Core
import Flatpeak
import Wire

/// A request's meter records for a location of the subject's own: checked, and written as Flatpeak takes them.
///
/// It builds no tree of the request, which would need many times the request's size.
struct MeterUpload: Sendable {
    /// The records in the names of the account's version.
    private(set) var body: [UInt8]
    /// The devices that measured.
    private(set) var devices: Set<DeviceID> = []
    private(set) var count = 0

    /// As many as Flatpeak takes in one call (upstream.md §6.8).
    static let mostRecords = 10_000
    /// After so many records other work has its turn.
    private static let turn = 100

    private init(_ body: [UInt8]) {
        self.body = body
    }

    // MARK: - Intervals

    private enum IntervalField: String, CaseIterable {
        case location_id, device_id, units, value, start_time, end_time, energy_flow_direction, tariff_direction
        case session_reference_id, record_reference_id, confidence
    }

    /// Reads a JSON array of records, each with the energy of one period.
    /// - Throws: What is wrong with which record, by its place in the array.
    static func intervals(
        _ json: [UInt8], of owner: SubjectDigest, at location: LocationID, for flatpeak: FlatpeakClient
    ) async throws(BFFError) -> MeterUpload {
        let elements = try elements(of: json.span, field: "records")
        var upload = MeterUpload([UInt8(ascii: "[")])
        // Only what is written of it is in memory.
        upload.body.reserveCapacity(json.count + elements.count * (location.text.utf8.count * 2 + 96))
        for (index, range) in elements.enumerated() {
            if index > 0 { upload.body.append(UInt8(ascii: ",")) }
            let record = try record(json.span.extracting(range), path: "\(index).", of: owner, at: location)
            upload.body += try flatpeak.body(of: record)
            if let device = record.device { upload.devices.insert(device) }
            upload.count = index + 1
            if upload.count % turn == 0 { await Task.yield() }
        }
        upload.body.append(UInt8(ascii: "]"))
        return upload
    }

    private static func record(
        _ json: Span<UInt8>, path: String, of owner: SubjectDigest, at location: LocationID
    ) throws(BFFError) -> MeterRecord {
        let fields = try FlatObject<IntervalField>(json, path: path)
        try fields.check(.location_id, is: location)
        let confidence = try fields.number(.confidence)
        guard confidence.map({ (0...1).contains($0) }) ?? true else { throw fields.invalid(.confidence, .outOfRange) }
        return MeterRecord(
            location: location, device: try fields.identifier(.device_id),
            units: try fields.required(.units) { (field) throws(BFFError) in try fields.item(field) },
            value: try fields.required(.value, fields.number),
            start: try fields.required(.start_time, fields.timestamp),
            end: try fields.required(.end_time, fields.timestamp),
            flow: try fields.item(.energy_flow_direction), tariffDirection: try fields.item(.tariff_direction),
            sessionReference: try fields.scopedReference(.session_reference_id, of: owner, at: location),
            recordReference: try fields.reference(.record_reference_id),
            confidence: confidence)
    }

    // MARK: - Readings

    private enum RegisterField: String, CaseIterable {
        case location_id, device_id, session_reference_id, energy_flow_direction, tariff_direction, units, data
    }

    private enum ReadingField: String, CaseIterable { case time, value, record_reference_id }

    /// Reads a JSON object with the readings of one register.
    /// - Throws: What is wrong with which field.
    static func readings(
        _ json: [UInt8], of owner: SubjectDigest, at location: LocationID, for flatpeak: FlatpeakClient
    ) async throws(BFFError) -> MeterUpload {
        let (head, data) = try register(json.span, of: owner, at: location)
        let elements = try elements(of: json.span.extracting(data), field: "data")
        var upload = MeterUpload(Array(try flatpeak.body(of: head).dropLast(Self.end.count)))
        if let device = head.device { upload.devices.insert(device) }
        // Only what is written of it is in memory.
        upload.body.reserveCapacity(json.count + elements.count * 64)
        for (index, range) in elements.enumerated() {
            if index > 0 { upload.body.append(UInt8(ascii: ",")) }
            try upload.add(json.span.extracting(data).extracting(range), path: "data.\(index).")
            upload.count = index + 1
            if upload.count % turn == 0 { await Task.yield() }
        }
        upload.body += Self.end
        return upload
    }

    /// The end of a register's JSON, without readings or with all.
    private static let end = Array("]}".utf8)

    /// Everything but the readings, and where these are.
    private static func register(
        _ json: Span<UInt8>, of owner: SubjectDigest, at location: LocationID
    ) throws(BFFError) -> (head: MeterReadings, data: Range<Int>) {
        let fields = try FlatObject<RegisterField>(json)
        try fields.check(.location_id, is: location)
        let units: EnergyUnits = try fields.required(.units) { (field) throws(BFFError) in try fields.item(field) }
        guard [.wattHours, .kilowattHours].contains(units) else { throw fields.invalid(.units, .notListed) }
        let head = MeterReadings(
            location: location, device: try fields.identifier(.device_id),
            sessionReference: try fields.scopedReference(.session_reference_id, of: owner, at: location),
            flow: try fields.item(.energy_flow_direction), tariffDirection: try fields.item(.tariff_direction),
            units: units, readings: [])
        return (head, try fields.required(.data, fields.structure))
    }

    /// Adds one reading, whose values are written as they came.
    private mutating func add(_ json: Span<UInt8>, path: String) throws(BFFError) {
        let fields = try FlatObject<ReadingField>(json, path: path)
        let time = try fields.required(.time, fields.integer)
        guard Self.times.contains(time) else { throw fields.invalid(.time, .outOfRange) }
        _ = try fields.required(.value, fields.number)
        _ = try fields.reference(.record_reference_id)
        var separator = UInt8(ascii: "{")
        for field in ReadingField.allCases {
            guard let source = fields.source(field) else { continue }
            body.append(separator)
            body += "\"\(field.rawValue)\":".utf8
            for index in source { body.append(json[index]) }
            separator = UInt8(ascii: ",")
        }
        body.append(UInt8(ascii: "}"))
    }

    /// The years 1970 to 9999, in seconds.
    private static let times = 0...253_402_300_799

    // MARK: - Both

    private static func elements(of json: Span<UInt8>, field: BFFError.FieldName) throws(BFFError) -> [Range<Int>] {
        guard let elements = JSONScanner.elements(of: json, limit: mostRecords + 1) else { throw .malformedJSON }
        guard !elements.isEmpty else { throw .invalidField(field, reason: .missing) }
        guard elements.count <= mostRecords else { throw .invalidField(field, reason: .tooMany) }
        return elements
    }
}

extension FlatObject {
    /// - Throws: `invalidField` for another location than that of the path.
    fileprivate func check(_ field: Field, is location: LocationID) throws(BFFError) {
        guard try text(field).map({ $0.equalsBytes(of: location.text) }) ?? true else {
            throw invalid(field, .notOfPath)
        }
    }

    /// A client's reference as Flatpeak is to have it.
    fileprivate func scopedReference(
        _ field: Field, of owner: SubjectDigest, at location: LocationID
    ) throws(BFFError) -> String? {
        try RequestField.reference(text(field), name(field), of: owner, at: location)?.text
    }

    /// The client's own name for a record.
    fileprivate func reference(_ field: Field) throws(BFFError) -> String? {
        try RequestField.text(text(field), name(field))
    }
}
