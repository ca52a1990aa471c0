import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// What tests ask over real sockets.
enum HTTP {
    struct Answer: Sendable {
        let status: Int
        /// By lower-case name.
        let headers: [String: String]
        let body: [UInt8]
        var json: JSONValue { get throws { try JSONValue(body) } }
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    static func send(
        _ method: String, _ url: String, headers: [(String, String)] = [], body: [UInt8]? = nil,
        by client: HTTPClient = client
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await client.execute(request, timeout: .seconds(20))
        let bytes = Array(try await response.body.collect(upTo: 8 << 20).readableBytesView)
        let headers = Dictionary(
            response.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { "\($0), \($1)" })
        let answer = Answer(status: Int(response.status.code), headers: headers, body: bytes)
        Canary.keep(answer)
        return answer
    }

    /// Redirects are the test's to follow.
    ///
    /// Never shut down: it lives as long as the test run.
    static let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)

    static let configuration: HTTPClient.Configuration = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        // Otherwise a request to a service that was just killed waits, and makes those after its restart wait, and fail.
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }()
}
