package import Core

/// A request whose head was read: what was learnt from it, once, for everything that decides about it later.
package struct ReceivedRequest: Sendable {
    package let number: RequestNumber
    package let method: String
    /// The template of a fast path, or the path as it came.
    package let path: String
    package let head: RequestHeadFacts
    package let isVersion10: Bool
    /// Whether the client may send another request on the connection.
    package let keepsAlive: Bool
    package let peer: Peer
    /// When its head was read.
    package var receivedAt: ContinuousClock.Instant { received.instant }
    private let received: StoredInstant

    package init(
        number: RequestNumber, method: String, path: String, head: RequestHeadFacts, isVersion10: Bool = false,
        keepsAlive: Bool = true, from peer: Peer, at receivedAt: ContinuousClock.Instant
    ) {
        self.number = number
        self.method = method
        self.path = path
        self.head = head
        self.isVersion10 = isVersion10
        self.keepsAlive = keepsAlive
        self.peer = peer
        received = StoredInstant(receivedAt)
    }
}
