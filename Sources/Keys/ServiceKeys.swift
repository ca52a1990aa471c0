import Core

/// The keys of the integrator's own backend, of which only salted hashes are known.
///
/// A key is 256 random bits, so one round of SHA-256 is enough: there is no list of likely keys to try.
package struct ServiceKeys: Sendable, Equatable {
    /// What every key begins with, so that a leaked one is recognised by scanners.
    package static let prefix = "sbk_"

    private struct Entry: Equatable {
        let name: String
        let salt: [UInt8]
        let hash: [UInt8]
    }
    private let entries: [Entry]

    /// Reads a keys file: one `NAME SALT HASH` a line in hex, `#` begins a comment.
    ///
    /// A text without a key is one in which no key is known.
    /// - Throws: ``Malformed`` with the number of the line.
    package init(_ text: String) throws(Malformed) {
        var entries: [Entry] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let parts = line.prefix { $0 != "#" }.split(whereSeparator: { $0 == " " || $0 == "\t" })
            if parts.isEmpty { continue }
            guard parts.count == 3, parts[0].utf8.allSatisfy(\.isWordByte), let salt = [UInt8](hexadecimal: parts[1]),
                salt.count >= 16, let hash = [UInt8](hexadecimal: parts[2]), hash.count == 32,
                !entries.contains(where: { $0.name == parts[0] })
            else { throw Malformed(line: index + 1) }
            entries.append(Entry(name: String(parts[0]), salt: salt, hash: hash))
        }
        self.entries = entries
    }

    package var isEmpty: Bool { entries.isEmpty }

    /// A line of a keys file cannot be read.
    package struct Malformed: Error {
        package let line: Int
    }

    /// The name of `key`; nil for one that is not known.
    ///
    /// Every entry is looked at, each in constant time.
    package func name(of key: String) -> String? {
        var found: String?
        for entry in entries {
            if Digest.isEqual(Self.hash(key, salt: entry.salt), entry.hash) { found = entry.name }
        }
        return found
    }

    /// A new key and the line that makes it known.
    /// - Parameter randomBytes: A cryptographically secure source.
    package static func make(
        named name: String, randomBytes: (Int) -> [UInt8]
    ) -> (key: String, line: String) {
        let key = prefix + randomBytes(32).hexadecimal
        let salt = randomBytes(16)
        return (key, "\(name) \(salt.hexadecimal) \(hash(key, salt: salt).hexadecimal)")
    }

    private static func hash(_ key: String, salt: [UInt8]) -> [UInt8] {
        Digest.sha256(salt + key.utf8)
    }
}

extension [UInt8] {
    /// Reads pairs of hex digits.
    fileprivate init?(hexadecimal text: some StringProtocol) {
        guard text.utf8.count.isMultiple(of: 2), text.allSatisfy(\.isHexDigit) else { return nil }
        let digits = text.compactMap(\.hexDigitValue)
        self = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
