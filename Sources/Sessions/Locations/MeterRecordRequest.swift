package import Core
package import Flatpeak
import FoundationEssentials

/// A meter record as clients send it, in the newer version's names (docs/upstream.md §6.7).
package struct MeterRecordRequest: StrictlyDecodable, Sendable {
    /// Of the path, where it is given at all.
    package var location_id: String?
    package var device_id: String?
    package var units: EnergyUnits?
    package var value: Double?
    package var start_time: String?
    package var end_time: String?
    package var energy_flow_direction: EnergyFlow?
    package var tariff_direction: TariffDirection?
    package var session_reference_id: String?
    package var record_reference_id: String?
    package var confidence: Double?

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case location_id, device_id, units, value, start_time, end_time, energy_flow_direction, tariff_direction
        case session_reference_id, record_reference_id, confidence
    }

    /// Decodes a body of strict JSON with these fields and no others.
    package static func read(_ body: [UInt8]) throws(BFFError) -> MeterRecordRequest {
        try Strict.read(body)
    }

    /// Makes the record for Flatpeak.
    ///
    /// The caller checks that its device is one of the location's.
    package func record(at location: LocationID) throws(BFFError) -> MeterRecord {
        try RequestField.location(location_id, is: location)
        guard let units else { throw .invalidField("units", reason: .missing) }
        guard let value else { throw .invalidField("value", reason: .missing) }
        guard value.isFinite else { throw .invalidField("value", reason: .outOfRange) }
        let period = try RequestField.period(start_time, end_time)
        if let confidence, !(0...1).contains(confidence) { throw .invalidField("confidence", reason: .outOfRange) }
        return MeterRecord(
            location: location, device: try RequestField.device(device_id), units: units, value: value,
            start: period.start, end: period.end, flow: energy_flow_direction, tariffDirection: tariff_direction,
            sessionReference: try RequestField.reference(session_reference_id, "session_reference_id", at: location)?
                .text,
            recordReference: try RequestField.text(record_reference_id, "record_reference_id"), confidence: confidence)
    }
}

/// Checks that bodies about a location have in common.
package enum RequestField {
    /// The longest text of a client's own, in bytes.
    private static let longestText = 128

    /// - Throws: `invalidField` for a location that is not the one in the path.
    package static func location(_ text: String?, is location: LocationID) throws(BFFError) {
        guard text.map({ $0.equalsBytes(of: location.text) }) ?? true else {
            throw .invalidField("location_id", reason: .notOfPath)
        }
    }

    package static func device(_ text: String?) throws(BFFError) -> DeviceID? {
        guard let text else { return nil }
        guard let device = DeviceID(text) else { throw .invalidField("device_id", reason: .malformed) }
        return device
    }

    package static func reference(
        _ text: String?, _ name: BFFError.FieldName, at location: LocationID
    ) throws(BFFError) -> ScopedReference? {
        guard let text else { return nil }
        guard let reference = ClientReference(text) else { throw .invalidField(name, reason: .malformed) }
        return ScopedReference(reference, at: location)
    }

    /// A text that means something to the client alone.
    package static func text(_ text: String?, _ name: BFFError.FieldName) throws(BFFError) -> String? {
        guard let text else { return nil }
        guard text.utf8.count <= longestText else { throw .invalidField(name, reason: .tooLong) }
        guard !text.isEmpty, text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) })
        else { throw .invalidField(name, reason: .malformed) }
        return text
    }

    /// Two instants, the second of which is later.
    package static func period(
        _ start: String?, _ end: String?
    ) throws(BFFError) -> (start: String, end: String) {
        guard let start else { throw .invalidField("start_time", reason: .missing) }
        guard let end else { throw .invalidField("end_time", reason: .missing) }
        guard let first = RFC3339Timestamp(start) else { throw .invalidField("start_time", reason: .notTimestamp) }
        guard let last = RFC3339Timestamp(end) else { throw .invalidField("end_time", reason: .notTimestamp) }
        guard (first.secondsSince1970, first.nanoseconds) < (last.secondsSince1970, last.nanoseconds) else {
            throw .invalidField("end_time", reason: .notAfterStart)
        }
        return (start, end)
    }
}
