package import Core
package import Flatpeak
import FoundationEssentials

/// A meter record as clients send it, in the newer version's names (upstream.md §6.7).
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
    package func record(of owner: SubjectDigest, at location: LocationID) throws(BFFError) -> MeterRecord {
        try RequestField.location(location_id, is: location)
        guard let units else { throw .invalidField("units", reason: .missing) }
        guard let value else { throw .invalidField("value", reason: .missing) }
        guard value.isFinite else { throw .invalidField("value", reason: .outOfRange) }
        let period = try RequestField.period(start_time, end_time)
        if let confidence, !(0...1).contains(confidence) { throw .invalidField("confidence", reason: .outOfRange) }
        return MeterRecord(
            location: location, device: try RequestField.device(device_id), units: units, value: value,
            start: period.start, end: period.end, flow: energy_flow_direction, tariffDirection: tariff_direction,
            sessionReference: try RequestField.reference(
                session_reference_id, "session_reference_id", of: owner, at: location)?.text,
            recordReference: try RequestField.text(record_reference_id, "record_reference_id"), confidence: confidence)
    }
}
