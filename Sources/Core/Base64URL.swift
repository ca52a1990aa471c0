extension [UInt8] {
    /// Reads base64url without padding (RFC 7515 section 2) in its one spelling: nothing else of its length decodes to
    /// the same bytes.
    package init?(base64URL text: some Collection<UInt8>) {
        guard text.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 3 / 4)
        var bits: UInt32 = 0
        var count = 0
        for letter in text {
            guard let value = letter.base64URLValue else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
                bits &= 1 << count - 1
            }
        }
        guard bits == 0 else { return nil }
        self = bytes
    }
}

extension Collection<UInt8> {
    /// The bytes in base64url without padding (RFC 7515 section 2).
    package var base64URL: String {
        var text: [UInt8] = []
        text.reserveCapacity((count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var length = 0
        for byte in self {
            bits = bits << 8 | UInt32(byte)
            length += 8
            while length >= 6 {
                length -= 6
                text.append((bits >> length).base64URLLetter)
                bits &= 1 << length - 1
            }
        }
        if length > 0 { text.append((bits << (6 - length)).base64URLLetter) }
        return String(decoding: text, as: UTF8.self)
    }
}

extension UInt32 {
    /// The letter of the lower six bits.
    fileprivate var base64URLLetter: UInt8 {
        let value = UInt8(truncatingIfNeeded: self & 63)
        return switch value {
        case 0..<26: UInt8(ascii: "A") + value
        case 26..<52: UInt8(ascii: "a") + (value - 26)
        case 52..<62: UInt8(ascii: "0") + (value - 52)
        case 62: UInt8(ascii: "-")
        default: UInt8(ascii: "_")
        }
    }
}

extension UInt8 {
    fileprivate var base64URLValue: UInt8? {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): self - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): self - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
