package import Core

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
        _ text: String?, _ name: BFFError.FieldName, of owner: SubjectDigest, at location: LocationID
    ) throws(BFFError) -> ScopedReference? {
        guard let text else { return nil }
        guard let reference = ClientReference(text) else { throw .invalidField(name, reason: .malformed) }
        return ScopedReference(reference, of: owner, at: location)
    }

    /// A text that means something to the client alone.
    package static func text(_ text: String?, _ name: BFFError.FieldName) throws(BFFError) -> String? {
        guard let text else { return nil }
        guard text.utf8.count <= longestText else { throw .invalidField(name, reason: .tooLong) }
        guard !text.isEmpty, text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) })
        else { throw .invalidField(name, reason: .malformed) }
        return text
    }

    package static func instant(_ text: String?, _ name: BFFError.FieldName) throws(BFFError) -> RFC3339Timestamp {
        guard let text else { throw .invalidField(name, reason: .missing) }
        guard let instant = RFC3339Timestamp(text) else { throw .invalidField(name, reason: .notTimestamp) }
        return instant
    }

    /// Two instants, the second of which is later, as they were written.
    package static func period(
        _ start: String?, _ end: String?
    ) throws(BFFError) -> (start: String, end: String) {
        let first = try instant(start, "start_time")
        guard try first < instant(end, "end_time") else { throw .invalidField("end_time", reason: .notAfterStart) }
        return (start ?? "", end ?? "")
    }
}
