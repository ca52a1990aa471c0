import Core
import FoundationEssentials
import Keys
import Synchronization

/// Signs events as Standard Webhooks 1.0.0 asks for: HMAC-SHA-256 over id, time and body.
///
/// Every key signs: a receiver that knows any of them accepts, so that one can be replaced without a refused event.
package final class EventSigner: Sendable {
    private let keys: Mutex<[EventKey]>

    /// - Parameter keys: At least one.
    package init(_ keys: [EventKey]) {
        self.keys = Mutex(keys)
    }

    /// Takes up other keys from the next event on.
    package func replace(_ keys: [EventKey]) {
        self.keys.withLock { $0 = keys }
    }

    /// The headers of one try.
    /// - Parameter seconds: Since 1970, at this try.
    func headers(id: String, seconds: Int, body: [UInt8]) -> [(name: String, value: String)] {
        let signed = Array("\(id).\(seconds).".utf8) + body
        let signatures = keys.withLock { $0 }.map { key in
            "v1," + Data(Digest.hmacSHA256(signed, key: key.bytes)).base64EncodedString()
        }
        return [
            ("webhook-id", id), ("webhook-timestamp", "\(seconds)"),
            ("webhook-signature", signatures.joined(separator: " ")),
        ]
    }
}

/// A key of `BFF_EVENTS_SECRET`; it never prints itself.
package struct EventKey: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    fileprivate let bytes: [UInt8]

    /// What every key is written with in front.
    private static let prefix = "whsec_"
    /// In bytes, as Standard Webhooks has it.
    private static let lengths = 24...64

    /// Reads `whsec_` and 24 to 64 bytes in base64.
    package init?(_ text: String) {
        guard text.hasBytePrefix(Self.prefix),
            let bytes = Data(base64Encoded: String(text.dropFirst(Self.prefix.count))),
            Self.lengths.contains(bytes.count)
        else { return nil }
        self.bytes = Array(bytes)
    }

    /// Compares digests, so that the time does not depend on the keys.
    package static func == (first: EventKey, second: EventKey) -> Bool {
        Digest.sha256(first.bytes) == Digest.sha256(second.bytes)
    }

    package var description: String { "<event key>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
