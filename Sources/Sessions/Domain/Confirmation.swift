package import Core
import Flatpeak
package import FoundationEssentials
import Keys

/// The codes of one session that its holder was given, and the one that its owner redeemed.
///
/// Pure. Stores keep it as JSON: the names in ``CodingKeys`` never change. It holds digests alone.
package struct Confirmation: Codable, Equatable, Sendable {
    /// A code that was given out.
    struct Issued: Codable, Equatable, Sendable {
        let digest: [UInt8]
        let expiresAt: Date

        /// When it was given out.
        var issuedAt: Date { expiresAt - codeLife }
    }

    /// What a code is worth.
    enum Verdict: Equatable { case valid, expired, unknown }

    /// The last codes, the oldest first; none after a redemption.
    private(set) var issued: [Issued] = []
    /// The digest of the code that was redeemed.
    private(set) var redeemed: [UInt8]?

    private enum CodingKeys: String, CodingKey { case issued, redeemed }

    /// How long a code can be redeemed, in seconds.
    static let codeLife: TimeInterval = 600
    /// Codes of one session that can be redeemed at a time; the next one replaces the oldest.
    static let codeLimit = 5

    package init() {}

    /// Whether all instants are of a plausible year, and no more codes are kept than are ever given out.
    package func isPlausible(_ isPlausible: (Date) -> Bool) -> Bool {
        issued.count <= Self.codeLimit && issued.allSatisfy { isPlausible($0.expiresAt) }
    }

    mutating func issue(_ code: ConfirmationCode, at now: Date) {
        issued = issued.suffix(Self.codeLimit - 1) + [Issued(digest: code.digest, expiresAt: now + Self.codeLife)]
    }

    /// Compares with every code in constant time; an expired one is known until others have replaced it.
    /// - Parameter seenAt: When the customer was last in Connect. A code is good for the end that it was given out at.
    func verdict(on code: ConfirmationCode, seenAt: Date?, at now: Date) -> Verdict {
        var verdict = Verdict.unknown
        for each in issued where Digest.isEqual(each.digest, code.digest) {
            let isOutdated = seenAt.map { $0 > each.issuedAt } ?? false
            verdict = now < each.expiresAt && !isOutdated ? .valid : .expired
        }
        return verdict
    }

    func isRedeemed(_ code: ConfirmationCode) -> Bool {
        redeemed.map { Digest.isEqual($0, code.digest) } ?? false
    }

    /// Ends all codes.
    mutating func redeem(_ code: ConfirmationCode) {
        issued = []
        redeemed = code.digest
    }
}

/// A code of 128 random bits with which the owner of a session confirms that its customer is theirs.
///
/// It never prints itself, and is stored as its SHA-256 alone.
package struct ConfirmationCode: Sendable {
    /// SHA-256 of the bits.
    let digest: [UInt8]
    private let bits: [UInt8]

    private static let length = 16

    /// - Parameter randomBytes: A cryptographically secure source.
    package init(randomBytes: (Int) -> [UInt8]) {
        bits = randomBytes(Self.length)
        digest = Digest.sha256(bits)
    }

    /// Reads a code in its one spelling: 22 characters of base64url.
    package init?(_ text: String) {
        guard let bits = [UInt8](base64URL: text.utf8), bits.count == Self.length else { return nil }
        self.bits = bits
        digest = Digest.sha256(bits)
    }

    /// The code as it goes to the holder's document and to the return URL, and nowhere else.
    package var exposed: String { bits.base64URL }
}

extension ConfirmationCode: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "***" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension ConnectSession {
    /// Whether the session's result belongs to its subject: no confirmation is needed, or it came and stands.
    package var isConfirmed: Bool {
        !needsConfirmation || (facts.confirmedAt != nil && facts.foreignAt == nil)
    }

    /// Whether the session's token came back in a document that does not hold the session.
    package var isForeign: Bool { needsConfirmation && facts.foreignAt != nil }

    /// Whether a confirmation is needed and can still come.
    package func awaitsConfirmation(at now: Date) -> Bool { !isConfirmed && !isForeign && now < expiresAt }

    /// Whether the session has come to an end that can be confirmed: the customer left, and there is a result.
    ///
    /// That they left is no proof, as the holder's document says so itself.
    func hasEnd(at now: Date) -> Bool {
        outcome(at: now).endedAt != nil && (facts.located != nil || unconfirmedChange != nil)
    }

    /// The location that the session makes its subject's own.
    package var ownLocation: LocationID? { isConfirmed ? facts.located?.location : nil }

    /// The location that the session binds to its subject: one that existed when it was minted is theirs already, or no
    /// more.
    var boundLocation: LocationID? { mintedLocation == nil ? ownLocation : nil }

    /// The location that the session is about: that of its mint, or the one that Flatpeak led it to.
    package var targetLocation: LocationID? { mintedLocation ?? facts.located?.location }

    /// The location at which an unconfirmed session changed a tariff, or a foreign one may have: its reads are refused.
    ///
    /// Also that of a session which was to make a location: Flatpeak may have led it to one that exists, and has owners.
    package var unconfirmedChange: LocationID? {
        guard !isConfirmed else { return nil }
        return mintedLocation == nil || facts.hasChangedTariff || isForeign ? targetLocation : nil
    }

    /// When the session may last have changed a tariff: that of ``unconfirmedChange``.
    ///
    /// In the future while a provider may still change it unseen.
    package var changedAt: Date? {
        let ledAt = mintedLocation == nil ? facts.located?.since : nil
        let changes = [facts.settledAt, facts.leftAt, facts.completedAt, facts.foreignAt, ledAt]
        guard let changedAt = changes.compactMap(\.self).max() else { return nil }
        return facts.awaitsProvider ? max(changedAt, expiresAt + Self.pendingLimit) : changedAt
    }

    /// The location at which the session, now confirmed, ends its own hold, and those from before ``replacedAt``.
    package var confirmedChange: LocationID? {
        guard isConfirmed else { return nil }
        if needsConfirmation { return targetLocation }
        return replacedAt == nil ? nil : mintedLocation
    }

    /// When the session provably replaced or removed the tariff of its slot, and so whatever others had left there.
    ///
    /// A customer who answered a page and left may have changed nothing. It is the earliest time at which that can have been
    /// by the clock of any node.
    package var replacedAt: Date? {
        [facts.replacedAt, emptiedAt].compactMap(\.self).max().map { $0 - Self.clockSkew }
    }

    /// How far the clocks of two nodes may be apart, in seconds (docs/several-nodes.md).
    static let clockSkew: TimeInterval = 5

    /// When the slot was read as empty after Connect had accepted a disconnect.
    ///
    /// A pending slot reads as an empty one, so that a session which left its tariff to a provider proves nothing.
    private var emptiedAt: Date? {
        // A disconnect that was minted has no page: Connect lets the customer go at once.
        let isAccepted = facts.disconnectAsked || (facts.settledAt != nil && facts.stayedAt == nil)
        return hasDisconnected && isAccepted && !facts.awaitsProvider ? facts.status?.at : nil
    }

    /// Whether the session's own slot is empty because the customer disconnected it.
    var hasDisconnected: Bool {
        facts.status?.value == .notConnected && (facts.disconnectAsked || mintedAction == .disconnect)
    }
}
