package import Core
package import HTTPTypes
package import NIOCore

/// A request for the router.
package struct RoutedRequest: Sendable {
    /// What was learnt from its head.
    package let received: ReceivedRequest
    /// Method, target and fields, as they came.
    package let head: HTTPRequest
    /// Reads the whole body, of at most so many bytes.
    package let readBody: @Sendable (_ limit: Int) async throws(BFFError) -> [UInt8]
    package let channel: any Channel

    package var id: RequestID { RequestID(received.number) }

    package init(
        _ received: ReceivedRequest, _ head: HTTPRequest, on channel: any Channel,
        readBody: @escaping @Sendable (_ limit: Int) async throws(BFFError) -> [UInt8]
    ) {
        self.received = received
        self.head = head
        self.readBody = readBody
        self.channel = channel
    }
}

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

/// Writes the body of a response piece by piece; throws when the client has left.
package typealias BodyStream = @concurrent @Sendable (any BodyWriter) async throws -> Void

package protocol BodyWriter {
    /// Sends a piece.
    /// - Throws: When the client has left.
    @concurrent func write(_ bytes: [UInt8]) async throws
}

/// Answers what the fast path does not.
package protocol RequestRouter: Sendable {
    func respond(to request: RoutedRequest) async -> RoutedResponse
}
