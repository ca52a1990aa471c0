package import Core
package import FoundationEssentials

/// What a client calls one mint, so that a double tap or a retry on a bad network gives one token and not two
/// (draft-ietf-httpapi-idempotency-key-header).
package struct IdempotencyKey: Hashable, Sendable {
    package let text: String

    /// Accepts 1 to 128 printable ASCII characters, in the quotes of a structured field or without.
    package init?(_ text: String) {
        let text = text.withoutQuotes
        guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x22 }) else {
            return nil
        }
        self.text = String(text)
    }
}

/// One mint that was given a key: what was asked, and what came of it.
package struct IdempotentMint: Equatable, Sendable {
    /// SHA-256 of the request's body.
    package let body: [UInt8]
    package let startedAt: Date
    /// A random value of the call that took the key, that distinguishes it from every other call.
    package let owner: String
    /// Nil while it is under way.
    package var answer: Answer?

    package struct Answer: Equatable, Sendable {
        package let session: SessionID
        /// The frontend that was minted for.
        ///
        /// The launch URL is this and the token, which is kept sealed elsewhere.
        package let connectURL: String
        /// From here on the key is free.
        package let expiresAt: Date

        package init(session: SessionID, connectURL: String, expiresAt: Date) {
            self.session = session
            self.connectURL = connectURL
            self.expiresAt = expiresAt
        }
    }

    package init(body: [UInt8], startedAt: Date, owner: String = "", answer: Answer? = nil) {
        self.body = body
        self.startedAt = startedAt
        self.owner = owner
        self.answer = answer
    }

    /// Who holds the key: the call while it is under way, then the session that it minted.
    ///
    /// A key is released or replaced only by its holder: a call that outlived its lease must not release the key of the
    /// call that took it over.
    package var holder: String { answer?.session.text ?? owner }

    /// How long a mint can be under way; one that is longer died with its process.
    private static let longestMint: TimeInterval = 60

    /// From here on it says nothing any more.
    package var endsAt: Date { answer?.expiresAt ?? startedAt + Self.longestMint }

    /// Whether its key is free.
    package func isOver(at now: Date) -> Bool { now >= endsAt }

    /// Whether the answer of `mint` may take its place: its key is free, or still held by the call that minted.
    package func yields(to mint: IdempotentMint, at now: Date) -> Bool {
        isOver(at: now) || holder == mint.owner
    }
}
