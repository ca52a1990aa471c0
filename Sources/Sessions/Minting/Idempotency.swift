package import Core
package import FoundationEssentials

/// A client's name for one mint, so that a double tap or a retry on a bad network gives one token and not two
/// (draft-ietf-httpapi-idempotency-key-header).
package struct IdempotencyKey: Hashable, Sendable {
    package let text: String

    /// Accepts 1 to 128 printable ASCII characters, with or without the quotes of a structured field.
    package init?(_ text: String) {
        let text = text.withoutQuotes
        guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x22 }) else {
            return nil
        }
        self.text = String(text)
    }
}

/// One mint with an idempotency key: its request and its answer.
package struct IdempotentMint: Equatable, Sendable {
    /// SHA-256 of the request's body.
    package let body: [UInt8]
    package let startedAt: Date
    /// A random value that identifies the call that took the key.
    package let owner: String
    /// `nil` while the mint is in progress.
    package var answer: Answer?

    package struct Answer: Equatable, Sendable {
        package let session: SessionID
        /// The launch URL without its credential (``LaunchLink``), which is made from the session again.
        package let connectURL: String
        /// When the key expires.
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

    /// The holder of the key: the call while it is in progress, then the session that it minted.
    ///
    /// A key is released or replaced only by its holder: a call that outlives its lease must not release the key of the
    /// call that took it over.
    package var holder: String { answer?.session.text ?? owner }

    /// How long a mint can be in progress, in seconds; one that takes longer died with its process.
    private static let longestMint: TimeInterval = 60

    /// When the mint's key is free again.
    package var endsAt: Date { answer?.expiresAt ?? startedAt + Self.longestMint }

    /// Whether the mint's key is free.
    package func isOver(at now: Date) -> Bool { now >= endsAt }

    /// Whether the answer of `mint` may replace this mint: the key is free, or still held by the call that minted.
    package func yields(to mint: IdempotentMint, at now: Date) -> Bool {
        isOver(at: now) || holder == mint.owner
    }
}
