package import Core
import Keys

/// A credential in the launch URL of the hosted page, which one document exchanges for the session's connect token.
///
/// `{session id}.{tag}`: the tag is the first 128 bits of an HMAC under the connect token, of the session's id and its
/// current holder. So a ticket needs no storage, and ends when the holder changes. It never prints its tag.
package struct Ticket: Sendable {
    package let session: SessionID
    private let tag: [UInt8]

    private static let tagLength = 16
    private static let separator: Unicode.Scalar = "."

    /// Makes the ticket of a session for whoever comes after `holder`.
    package init(for session: ConnectSession, after holder: SessionHolder?) {
        self.session = session.id
        tag = Self.tag(session, holder)
    }

    /// Reads a ticket in its one spelling; whether it is genuine, ``isGenuine(in:after:)`` says.
    package init?(_ text: String) {
        let parts = text.splitBytes(at: Self.separator)
        guard parts.count == 2, let session = SessionID(parts[0]), let tag = [UInt8](base64URL: parts[1].utf8),
            tag.count == Self.tagLength
        else { return nil }
        self.session = session
        self.tag = tag
    }

    /// The ticket as it goes into a launch URL, and nowhere else.
    package var exposed: String { "\(session.text)\(Self.separator)\(tag.base64URL)" }

    /// Whether this is the session's ticket for whoever comes after `holder`; in constant time.
    func isGenuine(in session: ConnectSession, after holder: SessionHolder?) -> Bool {
        Digest.isEqual(tag, Self.tag(session, holder)) && self.session == session.id
    }

    private static func tag(_ session: ConnectSession, _ holder: SessionHolder?) -> [UInt8] {
        // No id holds a zero, and a holder's digest has one length.
        let message = Array(session.id.text.utf8) + [0] + (holder?.digest ?? [])
        return Array(
            Digest.hmacSHA256(message, key: Array(session.connectToken.exposed.utf8)).prefix(tagLength))
    }
}

extension Ticket: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "\(session.text).***" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

// MARK: - Exchange

extension Ticket {
    /// The result of an exchange.
    enum Verdict: Equatable {
        /// The document may become the holder.
        case exchange
        /// The document is the holder already: its earlier answer was lost, or it was loaded again.
        case again
        /// Another document is the holder, and stays it.
        case used
        /// Forged, of another session, or a ticket that was handed over and exchanged: the holder that would prove it is
        /// not kept.
        case unknown
    }

    /// Decides what an exchange by the document `tab` comes to.
    func verdict(in held: HeldSession, for tab: SessionHolder) -> Verdict {
        let isCurrent = isGenuine(in: held.session, after: held.holder)
        let isFirst = isGenuine(in: held.session, after: nil)
        // A tab key is as secret as the token, and its document has the token: it needs no ticket.
        if held.holder == tab { return .again }
        // Whoever has the token can make the ticket of a hand-over: a session that needs a confirmation stays where it was
        // opened.
        if isCurrent { return held.session.needsConfirmation && held.holder != nil ? .used : .exchange }
        return isFirst ? .used : .unknown
    }
}
