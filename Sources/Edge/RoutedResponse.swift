package import HTTPTypes

/// The router's response.
package struct RoutedResponse: Sendable {
    package var status: HTTPResponse.Status
    package var headers: HTTPFields
    package var body: Body

    package enum Body: Sendable {
        case bytes([UInt8])
        /// No body, on a response whose body would have so many bytes; `nil` where that is unknown.
        case omitted(length: Int?)
        /// Pieces, each sent when it is written.
        case stream(BodyStream)
    }

    package init(status: HTTPResponse.Status, headers: HTTPFields, body: Body) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Writes the body of a response piece by piece, in a task that is cancelled when its client leaves or the service
/// stops; throws when the client has left.
package typealias BodyStream = @Sendable (any BodyWriter) async throws -> Void

package protocol BodyWriter: Sendable {
    /// Sends a piece, and waits for a client that does not keep up.
    /// - Throws: When the client has left.
    func write(_ bytes: [UInt8]) async throws
}
