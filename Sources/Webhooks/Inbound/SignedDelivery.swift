import Core
import FoundationEssentials
import Keys

/// One delivery of Flatpeak's as it arrived, before anything of it is believed (upstream.md §5.4).
package struct SignedDelivery: Sendable {
    /// The values of each header, as many as there were.
    package let signatures: [String]
    package let timestamps: [String]
    package let keyIDs: [String]
    /// To the byte.
    package let body: [UInt8]

    package init(signatures: [String], timestamps: [String], keyIDs: [String], body: [UInt8]) {
        self.signatures = signatures
        self.timestamps = timestamps
        self.keyIDs = keyIDs
        self.body = body
    }

    /// How far Flatpeak's clock and ours may differ, and how long a delivery may be under way, in seconds.
    static let window: TimeInterval = 300
    /// How old a signature may be when Flatpeak's API confirms the event: the last retry comes after 43 hours if the
    /// documented pauses follow each other, and may carry the first signature (upstream.md §5.3).
    static let lateWindow: TimeInterval = 48 * 3600

    /// Why a delivery is refused.
    enum Flaw: String, Error, CaseIterable {
        /// There is no signature, more than one, or one that says `none`; likewise its moment or its key.
        case unsigned
        case malformed
        case tooOld = "too_old"
        case fromFuture = "from_future"
        case unknownKey = "unknown_key"
        case wrongSignature = "wrong_signature"
        /// An event about real customers under a key for test data, or under a test key where live ones are expected.
        case wrongMode = "wrong_mode"
        /// It is late, and Flatpeak's API does not know such an event.
        case unconfirmed
    }

    /// What a good signature says.
    struct Signed: Equatable {
        let keyID: String
        /// What was signed in front of the body.
        let prefix: [UInt8]
        let at: Date
        /// Older than ``SignedDelivery/window``: good for an event that is confirmed.
        let isLate: Bool
    }

    /// What the headers say, before the body is looked at.
    struct Head {
        let signature: [UInt8]
        let signedAt: Date
        let isLate: Bool
    }

    /// Judges the headers alone: a delivery that fails here is refused before its body is read.
    func head(at arrival: Date) throws(Flaw) -> Head {
        guard signatures.count == 1, timestamps.count == 1, keyIDs.count == 1, signatures[0] != "none" else {
            throw .unsigned
        }
        // 4096 bits are 683 letters.
        guard signatures[0].hasBytePrefix("v1="), signatures[0].utf8.count < 700,
            let signature = [UInt8](base64URL: signatures[0].utf8.dropFirst(3)), !signature.isEmpty,
            (1...12).contains(timestamps[0].utf8.count),
            timestamps[0].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let seconds = Int(timestamps[0])
        else { throw .malformed }
        let signedAt = Date(timeIntervalSince1970: TimeInterval(seconds))
        let age = arrival.timeIntervalSince(signedAt)
        guard age >= -Self.window else { throw .fromFuture }
        guard age <= Self.lateWindow else { throw .tooOld }
        return Head(signature: signature, signedAt: signedAt, isLate: age > Self.window)
    }

    /// Verifies the signature over the bytes as received, before they are read as JSON.
    ///
    /// The way of signing is fixed; nothing in the message chooses it.
    func verify(
        at arrival: Date, under key: (_ id: String) -> VerificationKey?
    ) throws(Flaw) -> Signed {
        let head = try head(at: arrival)
        guard let key = key(keyIDs[0]) else { throw .unknownKey }
        let prefix = Array("\(timestamps[0]).".utf8)
        guard key.verifies(head.signature, of: prefix, body) else { throw .wrongSignature }
        return Signed(keyID: keyIDs[0], prefix: prefix, at: head.signedAt, isLate: head.isLate)
    }
}
