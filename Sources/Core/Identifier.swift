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
/// See ``SessionKind``.
package enum TariffKind {}
/// See ``SessionKind``.
package enum DeviceKind {}
/// See ``SessionKind``.
package enum BatchKind {}
/// See ``SessionKind``.
package enum ReferenceKind {}

/// `cs_…`: our record of one mint.
package typealias SessionID = Identifier<SessionKind>
/// `loc_…`: Flatpeak's permanent id of a customer's address.
package typealias LocationID = Identifier<LocationKind>
/// `evt_…`: something that happened, at Flatpeak or here.
package typealias EventID = Identifier<EventKind>
/// `req_…`: one request, in its response and in the log.
package typealias RequestID = Identifier<RequestKind>
/// `trf_…`: Flatpeak's id of a tariff at a location.
package typealias TariffID = Identifier<TariffKind>
/// `dev_…`: Flatpeak's id of a device.
package typealias DeviceID = Identifier<DeviceKind>
/// `bat_…`: Flatpeak's id of a batch of meter records.
package typealias BatchID = Identifier<BatchKind>
/// A name that a client gives, to a charging session or a device.
package typealias ClientReference = Identifier<ReferenceKind>

/// The authenticated end user: an opaque text of the identity provider, at most 255 bytes, no control characters.
///
/// Two subjects are equal when their UTF-8 bytes are. Swift's own `==` takes texts for equal that differ in Unicode
/// normalisation, and the stores do not.
package struct Subject: Sendable, CustomStringConvertible {
    package let text: String

    /// Accepts 1 to 255 bytes without control characters, not blank at either end.
    ///
    /// U+FFFD is refused: libraries put it in the place of bytes that are not UTF-8, and so make one name of many.
    package init?(_ text: String) {
        guard (1...255).contains(text.utf8.count), text.utf8.first != UInt8(ascii: " "),
            text.utf8.last != UInt8(ascii: " "),
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) && $0 != "\u{FFFD}" }
            )
        else { return nil }
        self.text = text
    }

    package var description: String { text }
}

extension Subject: Hashable {
    package static func == (one: Subject, other: Subject) -> Bool { one.text.utf8.elementsEqual(other.text.utf8) }

    package func hash(into hasher: inout Hasher) {
        // Safe: the pointer does not outlive the call.
        unsafe text.utf8.span.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
}

extension Sequence<UInt8> {
    /// Two lower-case hex digits for each byte.
    package var hexadecimal: String {
        var digits: [UInt8] = []
        digits.reserveCapacity(2 * underestimatedCount)
        for byte in self {
            digits.append((byte >> 4).hexadecimalDigit)
            digits.append(byte.hexadecimalDigit)
        }
        return String(decoding: digits, as: UTF8.self)
    }
}

extension UInt8 {
    /// The lower-case digit of the lower four bits.
    var hexadecimalDigit: UInt8 {
        let bits = self & 15
        return bits < 10 ? UInt8(ascii: "0") + bits : UInt8(ascii: "a") + bits - 10
    }
}
