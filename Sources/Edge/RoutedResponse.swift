package import HTTPTypes
package import NIOCore

/// The router's response.
package struct RoutedResponse: Sendable {
    package var status: HTTPResponse.Status
    package var headers: HTTPFields
    package var body: Body

    package enum Body: Sendable {
        case bytes([UInt8])
        /// A body of many responses, sent from where it is: a client that does not read holds no copy of it.
        case shared(ByteBuffer)
        /// No body, on a response whose body would have so many bytes; `nil` where that is unknown.
        case omitted(length: Int?)
        /// Pieces, each sent when it is written.
        case stream(BodyStream)

        package init(shared bytes: [UInt8]) {
            self = .shared(ByteBuffer(bytes: bytes))
        }

        /// In bytes; `nil` where it is unknown.
        package var length: Int? {
            switch self {
            case .bytes(let bytes): bytes.count
            case .shared(let buffer): buffer.readableBytes
            case .omitted(let length): length
            case .stream: nil
            }
        }
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
