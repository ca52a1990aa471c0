package import Networking
import NIOHTTP1
package import Resilience

/// One try of a call, ready to be sent: nothing of a client's headers is in it unless it was put there by name.
package struct UpstreamRequest: Sendable {
    package let operation: Operation
    package let method: HTTPVerb
    package let url: String
    package var headers: [(name: String, value: String)]
    package let body: [UInt8]?
    /// Who the call is made for; nil for a call of the service's own.
    package var caller: CallerKey?
    /// From the first byte sent to the last byte read.
    package var timeLimit: Duration
}

/// The network, handed in: makes one try and reads the whole answer.
package protocol UpstreamTransport: Sendable {
    func send(_ request: UpstreamRequest) async throws(TransportFailure) -> HTTPAnswer
}

extension HTTPTransport: UpstreamTransport {
    package func send(_ request: UpstreamRequest) async throws(TransportFailure) -> HTTPAnswer {
        try await send(
            HTTPMethod(rawValue: request.method.rawValue), request.url, headers: request.headers, body: request.body,
            within: request.timeLimit, answerLimit: request.operation.answerLimit)
    }
}
