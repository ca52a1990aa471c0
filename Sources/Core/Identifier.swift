/// An opaque identifier of one kind, so that a location's id cannot be passed where a session's is wanted.
///
/// 1 to 64 bytes of `[A-Za-z0-9_-]`: safe in a path, a query, a header and a log line. Prefix and length are not
/// checked, because upstream varies both (upstream.md §0).
package struct Identifier<Kind>: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// Accepts `text` when its length and alphabet are legal.
    package init?(_ text: some StringProtocol) {
        guard !text.isEmpty, text.utf8.count <= 64, text.utf8.allSatisfy(\.isWordByte) else { return nil }
        self.text = String(text)
    }

    /// Makes `PREFIX_` and 24 hex digits out of 12 random bytes.
    package init(prefix: StaticString, random bytes: [UInt8]) {
        precondition(bytes.count >= 12, "an identifier needs 96 random bits")
        text = "\(prefix)_" + bytes.prefix(12).hexadecimal
    }

    package var description: String { text }
}

extension Identifier: Codable {
    /// Refuses a text that is no identifier.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = Self(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no identifier")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

/// Names for the kinds of identifier; they have no values.
package enum SessionKind {}
/// See ``SessionKind``.
package enum LocationKind {}
/// See ``SessionKind``.
package enum RequestKind {}
/// See ``SessionKind``.
package enum EventKind {}

/// `cs_…`: our record of one mint.
package typealias SessionID = Identifier<SessionKind>
/// `loc_…`: Flatpeak's permanent id of a customer's address.
package typealias LocationID = Identifier<LocationKind>
/// `evt_…`: something that happened, at Flatpeak or here.
package typealias EventID = Identifier<EventKind>
/// `req_…`: one request, told to the client and written to the log.
package typealias RequestID = Identifier<RequestKind>

/// The authenticated end user: an opaque text of the identity provider, at most 255 bytes, no control characters.
package struct Subject: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// Accepts 1 to 255 bytes without control characters, not blank at either end.
    package init?(_ text: String) {
        guard (1...255).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
            text.first != " ", text.last != " "
        else { return nil }
        self.text = text
    }

    package var description: String { text }
}

extension Sequence<UInt8> {
    /// Two lower-case hex digits for each byte.
    package var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
