package import Core
package import NIOCore
package import Resilience

/// The rules that the lane shares with every other route, and the words in which it refuses.
package protocol LaneRules: AnyObject, Sendable {
    /// The longest body of a relayed call, in bytes.
    var bodyLimit: Int { get }
    /// Whether the request is meant for this service, as far as its `Host` tells.
    func isAddressed(by head: JudgedHead, on path: Substring) -> Bool
    /// Takes a place among the requests under way, over all connections; each one taken is given back.
    func enter() -> Bool
    /// The same where there was none at once: waits for one, and tells in a moment whether it came, on any thread.
    func enterInTurn(_ told: @escaping @Sendable (Bool) -> Void)
    func leave()
    /// The client whose memory an arriving body counts as.
    func client(_ head: JudgedHead, from peer: Peer) -> CallerKey
    /// Takes memory for bytes of a body that has not arrived whole; false when there is none for that client.
    func reserveBody(_ bytes: Int, for client: CallerKey) -> Bool
    func releaseBody(_ bytes: Int, for client: CallerKey)
    /// Lets a caller through.
    /// - Throws: `rateLimited` or `originNotAllowed`.
    func admit(_ head: JudgedHead, from peer: Peer, at now: ContinuousClock.Instant) throws(BFFError)
    /// Writes the header lines that every answer to such a request carries, each with its end.
    func writeLines(for head: JudgedHead, from peer: Peer, into answer: inout ByteBuffer)
    /// The answer to a request that is refused before its route is asked.
    func refusal(of path: String, _ error: BFFError, id: RequestID, connectToken: ConnectToken?) -> Refusal
    /// Writes down a request that was answered.
    func write(_ line: RequestLine)
}

/// An error in the words of its route.
package struct Refusal: Sendable {
    /// The route's template, for the log.
    package let route: String
    package let contentType: String
    package let body: [UInt8]

    package init(route: String, contentType: String, body: [UInt8]) {
        self.route = route
        self.contentType = contentType
        self.body = body
    }
}
