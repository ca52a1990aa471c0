package import Core

/// A JSON object with known fields, read without a tree: one of the thousands in a long list.
///
/// Stricter than JSON where two parsers could disagree: it has its own fields and no others, none twice, no escape in a
/// name, and no null.
package struct FlatObject<Field: CaseIterable & Hashable & RawRepresentable<String>> {
    private enum Value {
        case text(String)
        case number(String)
        /// Half of a pair of surrogates, which stands for no character.
        case malformed
        case other
    }

    private var values: [Field: (value: Value, source: Range<Int>)] = [:]
    /// What is before the names of its fields in errors, such as `12.`.
    private let path: String

    /// The longest text that is read, in bytes.
    private static var longestText: Int { 4096 }

    /// - Throws: `malformedJSON`, `unknownField` or `invalidField`.
    package init(_ json: Span<UInt8>, path: String = "") throws(BFFError) {
        self.path = path
        var values: [Field: (value: Value, source: Range<Int>)] = [:]
        var fault: BFFError?
        let isStrict = JSONScanner.scan(json) { member, json in
            guard member.depth == 0 else { return true }
            guard !member.name.escaped,
                let field = Field.allCases.first(where: { json.matches($0.rawValue, in: member.name.range) })
            else {
                fault = .unknownField(.init(path + json.text(in: member.name.range.prefix(64))))
                return false
            }
            guard values[field] == nil else {
                fault = .malformedJSON
                return false
            }
            if let string = member.string, string.range.count > Self.longestText {
                fault = .invalidField(.init(path + field.rawValue), reason: .tooLong)
                return false
            }
            values[field] = (Self.value(of: member, in: json), member.value)
            return true
        }
        if let fault { throw fault }
        guard isStrict else { throw .malformedJSON }
        guard json.firstNonBlank == UInt8(ascii: "{") else {
            throw path.isEmpty ? .malformedJSON : .invalidField(.init(String(path.dropLast())), reason: .wrongType)
        }
        self.values = values
    }

    private static func value(of member: JSONScanner.Member, in json: Span<UInt8>) -> Value {
        if let string = member.string {
            guard string.escaped else { return .text(json.text(in: string.range)) }
            return json.unescaped(in: string.range).map { .text($0) } ?? .malformed
        }
        let first = json[member.value.lowerBound]
        let isNumber = first == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
        return isNumber && member.value.count <= longestText ? .number(json.text(in: member.value)) : .other
    }

    // MARK: - Values

    /// The value of a field that must be there.
    package func required<Read>(
        _ field: Field, _ read: (Field) throws(BFFError) -> Read?
    ) throws(BFFError) -> Read {
        guard let value = try read(field) else { throw invalid(field, .missing) }
        return value
    }

    package func text(_ field: Field) throws(BFFError) -> String? {
        switch values[field]?.value {
        case nil: return nil
        case .text(let text)?: return text
        case .malformed?: throw invalid(field, .malformed)
        case .number?, .other?: throw invalid(field, .wrongType)
        }
    }

    /// A text that is one of a closed set.
    package func item<Item: RawRepresentable<String>>(_ field: Field) throws(BFFError) -> Item? {
        guard let text = try text(field) else { return nil }
        guard let item = Item(rawValue: text) else { throw invalid(field, .notListed) }
        return item
    }

    package func identifier<Kind>(_ field: Field) throws(BFFError) -> Identifier<Kind>? {
        guard let text = try text(field) else { return nil }
        guard let id = Identifier<Kind>(text) else { throw invalid(field, .malformed) }
        return id
    }

    private static var longestTimestamp: Int { 64 }

    /// A date and time, in its own spelling.
    package func timestamp(_ field: Field) throws(BFFError) -> String? {
        guard let text = try text(field) else { return nil }
        guard text.utf8.count <= Self.longestTimestamp else { throw invalid(field, .tooLong) }
        guard RFC3339Timestamp(text) != nil else { throw invalid(field, .notTimestamp) }
        return text
    }

    /// A number that a `Double` can hold.
    package func number(_ field: Field) throws(BFFError) -> Double? {
        guard let token = try numberToken(field) else { return nil }
        guard let number = Double(token), number.isFinite else { throw invalid(field, .malformed) }
        return number
    }

    /// A whole number, in plain digits.
    package func integer(_ field: Field) throws(BFFError) -> Int? {
        guard let token = try numberToken(field) else { return nil }
        guard let number = Int(token) else { throw invalid(field, .malformed) }
        return number
    }

    private func numberToken(_ field: Field) throws(BFFError) -> String? {
        switch values[field]?.value {
        case nil: return nil
        case .number(let token)?: return token
        case .text?, .malformed?, .other?: throw invalid(field, .wrongType)
        }
    }

    /// Where the bytes of a value are, whatever it is.
    package func source(_ field: Field) -> Range<Int>? { values[field]?.source }

    /// Where the bytes of a value are that is neither a text nor a number.
    package func structure(_ field: Field) throws(BFFError) -> Range<Int>? {
        switch values[field] {
        case nil: return nil
        case (.other, let source)?: return source
        case (.text, _)?, (.malformed, _)?, (.number, _)?: throw invalid(field, .wrongType)
        }
    }

    /// The name of a field in errors.
    package func name(_ field: Field) -> BFFError.FieldName { .init(path + field.rawValue) }

    package func invalid(_ field: Field, _ reason: BFFError.Reason) -> BFFError {
        .invalidField(name(field), reason: reason)
    }
}
