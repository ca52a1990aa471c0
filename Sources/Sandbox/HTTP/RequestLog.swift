import Crypto

extension Sandbox {
    /// One request as it arrived at the API or the Connect host.
    package struct RecordedRequest: Sendable {
        /// Counts from 1 since the start or the last `DELETE /requests`.
        package let number: Int
        package let operation: Operation
        package let method: String
        /// Path and query as sent.
        package let path: String
        /// As sent, credentials included: the control surface is a tool for tests.
        package let headers: [(name: String, value: String)]
        package let bodySize: Int
        /// SHA-256 in hexadecimal.
        package let bodyDigest: String
        /// The status answered; 0 where the connection was reset.
        package let status: Int
    }
}

/// The newest requests, up to a bound, and how many there were.
struct RequestLog: Sendable {
    private static let capacity = 10_000

    private(set) var entries: [Sandbox.RecordedRequest] = []
    private(set) var counts: [Sandbox.Operation: Int] = [:]
    private var total = 0

    mutating func record(_ request: HTTPRequest, operation: Sandbox.Operation, status: Int) {
        total += 1
        counts[operation, default: 0] += 1
        if entries.count == Self.capacity { entries.removeFirst(Self.capacity / 10) }
        entries.append(
            Sandbox.RecordedRequest(
                number: total, operation: operation, method: request.method, path: request.target,
                headers: request.headers, bodySize: request.body.count,
                bodyDigest: hexadecimal(SHA256.hash(data: request.body)), status: status))
    }
}
