package import Core

/// What the relay reads of a Connect request: the token, where the customer stands, and what was pressed.
///
/// Stricter than JSON where two parsers could disagree about these fields: no name may repeat one of them, no
/// top-level name may hold an escape or differ from one of them in case alone, and no escape may stand in the three
/// values. Everything else passes unseen.
package struct Envelope: Equatable, Sendable {
    package var connectToken: ConnectToken
    /// The page being answered, or `session_start`; opaque (upstream.md §4.1).
    package var route: String?
    /// The button that was pressed; nil when data is submitted.
    package var action: String?

    /// Reads the three fields in one pass, without a copy of the body.
    /// - Throws: `malformedJSON` or `connectTokenMissing`.
    package init(_ json: Span<UInt8>) throws(BFFError) {
        var token: Field = .absent
        var route: Field = .absent
        var action: Field = .absent
        let isStrict = JSONScanner.scan(json) { member, json in
            guard member.depth == 0 else { return true }
            if member.name.escaped { return false }
            if json.matches("connect_token", in: member.name.range) { return token.take(member) }
            if json.matches("route", in: member.name.range) { return route.take(member) }
            if json.matches("action", in: member.name.range) { return action.take(member) }
            // Some JSON libraries do not mind the case, and would take the other one.
            return !json.isLike("connect_token", member.name.range) && !json.isLike("route", member.name.range)
                && !json.isLike("action", member.name.range)
        }
        guard isStrict, json.firstNonBlank == UInt8(ascii: "{") else { throw .malformedJSON }
        guard case .text(let range) = token, let token = ConnectToken(json.extracting(range)) else {
            throw .connectTokenMissing
        }
        connectToken = token
        self.route = route.text(in: json)
        self.action = action.text(in: json)
    }

    private enum Field {
        case absent, notText
        case text(Range<Int>)

        /// False when the field is there already or its text is written with escapes.
        mutating func take(_ member: JSONScanner.Member) -> Bool {
            guard case .absent = self else { return false }
            guard let string = member.string else {
                self = .notText
                return true
            }
            self = .text(string.range)
            return !string.escaped
        }

        func text(in json: Span<UInt8>) -> String? {
            guard case .text(let range) = self else { return nil }
            return json.text(in: range)
        }
    }
}

extension Span<UInt8> {
    /// Whether a name is `word`, which is in lower case, to a reader that does not mind the case: as Go's does, with the
    /// Kelvin sign for `k` and the long s for `s`.
    fileprivate func isLike(_ word: String, _ range: Range<Int>) -> Bool {
        guard range.count >= word.utf8.count, range.count <= word.utf8.count + 4 else { return false }
        var index = range.lowerBound
        for letter in word.utf8 {
            guard index < range.upperBound else { return false }
            let kelvin = letter == UInt8(ascii: "k") && starts(with: "\u{212A}", at: index, range)
            let longS = letter == UInt8(ascii: "s") && starts(with: "\u{17F}", at: index, range)
            guard kelvin || longS || self[index] | 0x20 == letter || self[index] == letter else { return false }
            index += kelvin ? 3 : longS ? 2 : 1
        }
        return index == range.upperBound
    }

    private func starts(with letter: StaticString, at start: Int, _ range: Range<Int>) -> Bool {
        // Safe: the buffer lies in the program for as long as it runs.
        letter.withUTF8Buffer { letter in
            guard start + letter.count <= range.upperBound else { return false }
            for offset in letter.indices {
                guard unsafe self[start + offset] == letter[offset] else { return false }
            }
            return true
        }
    }
}
