/// Text that must not leave the process: an API key, an account's Basic pair, a bearer.
///
/// It cannot be printed, reflected, encoded or compared; whoever needs the text says so with ``expose(_:)``.
package struct Secret: Sendable {
    private let text: String

    /// Keeps `text`, which must pass ``isToken68(_:)`` when it is meant for a header.
    package init(_ text: String) {
        self.text = text
    }

    /// Lends the text to `use` alone.
    package func expose<Result>(_ use: (String) throws -> Result) rethrows -> Result {
        try use(text)
    }

    /// The longest credential that is accepted from a setting or from upstream, in bytes.
    package static let maximumLength = 8192

    /// Whether a text is safe as a credential in a header: RFC 9110 `token68`, not empty, at most ``maximumLength``
    /// bytes.
    ///
    /// CR, LF, NUL and blanks are refused, because a header writer reports them in an error that holds the value.
    package static func isToken68(_ text: some StringProtocol) -> Bool {
        let bytes = text.utf8
        return !bytes.isEmpty && bytes.count <= maximumLength
            && bytes.allSatisfy { byte in
                byte.isWordByte || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "~") || byte == UInt8(ascii: "+")
                    || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "=")
            }
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<secret>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension UInt8 {
    /// An ASCII letter or digit, `_` or `-`: the alphabet of every identifier on this wire.
    @inlinable package var isWordByte: Bool {
        // A bit for each character, since no processor guesses whether a token goes on with a digit or a letter.
        let bits: UInt64 = self < 64 ? 0x03FF_2000_0000_0000 : 0x07FF_FFFE_87FF_FFFE
        return self < 128 && bits &>> UInt64(self) & 1 == 1
    }
}
