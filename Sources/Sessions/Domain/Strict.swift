import Core
import FoundationEssentials
import Wire

/// A type whose JSON may have its own fields and no others.
package protocol StrictlyDecodable: Decodable {
    associatedtype CodingKeys: CodingKey & CaseIterable
}

/// Decodes a ``StrictlyDecodable`` and rejects what `Decodable` accepts: unknown fields, and null.
struct Strict<Value: StrictlyDecodable>: Decodable {
    let value: Value

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: AnyKey.self)
        let known = Set(Value.CodingKeys.allCases.map(\.stringValue))
        for field in fields.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
            let name = Self.name(decoder.codingPath + [field])
            guard known.contains(field.stringValue) else { throw BFFError.unknownField(name) }
            if try fields.decodeNil(forKey: field) { throw BFFError.invalidField(name, reason: .wrongType) }
        }
        value = try Value(from: decoder)
    }

    static func read(_ body: [UInt8]) throws(BFFError) -> Value {
        guard JSONScanner.scan(body.span) else { throw .malformedJSON }
        do {
            return try JSONDecoder().decode(Strict.self, from: Data(body)).value
        } catch let error as BFFError {
            throw error
        } catch DecodingError.typeMismatch(_, let context) {
            throw Self.invalid(context, .wrongType)
        } catch DecodingError.dataCorrupted(let context) {
            throw Self.invalid(context, .notListed)
        } catch {
            throw .malformedJSON
        }
    }

    private static func invalid(_ context: DecodingError.Context, _ reason: BFFError.Reason) -> BFFError {
        guard !context.codingPath.isEmpty else { return .malformedJSON }
        return .invalidField(name(context.codingPath), reason: reason)
    }

    /// The names that lead to a field, with full stops between them; elements have their number.
    private static func name(_ path: [any CodingKey]) -> BFFError.FieldName {
        .init(path.map { key in key.intValue.map { String($0) } ?? key.stringValue }.joined(separator: "."))
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
