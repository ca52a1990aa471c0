package import Core
import FoundationEssentials

/// JSON as the body of a message.
package enum JSONBody {
    /// Encodes an object of ours: sorted keys, plain slashes, dates in ISO 8601.
    package static func encode(_ value: some Encodable) throws(BFFError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        do { return Array(try encoder.encode(value)) } catch { throw .internalFailure }
    }
}
