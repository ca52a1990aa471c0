import AsyncHTTPClient
package import Core
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import Resilience

/// The network through AsyncHTTPClient: TLS verified, redirects never followed, bodies capped.
package struct HTTPTransport: UpstreamTransport {
    private let client: HTTPClient

    /// Connects lazily; ``shutdown()`` must be called before the value goes away.
    /// - Parameter certificateAuthorities: A PEM file to trust instead of the system's roots.
    package init(certificateAuthorities: String? = nil) {
        var configuration = HTTPClient.Configuration()
        // The default follows five redirects and carries x-api-key to other hosts (style: traps that are real).
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: .seconds(2), read: .seconds(15), write: .seconds(15))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        if let certificateAuthorities {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .file(certificateAuthorities)
            configuration.tlsConfiguration = tls
        }
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes every connection.
    ///
    /// Calls under way fail.
    package func shutdown() async {
        // The only error is "was shut down before", which is what was asked for.
        try? await client.shutdown()
    }

    package func send(_ request: UpstreamRequest) async throws(BFFError) -> UpstreamAnswer {
        var message = HTTPClientRequest(url: request.url)
        message.method = request.operation.method
        for (name, value) in request.headers { message.headers.add(name: name, value: value) }
        if let body = request.body { message.body = .bytes(ByteBuffer(bytes: body)) }
        let limit = request.operation.answerLimit
        let deadline = request.operation.deadline
        do {
            return try await withDeadline(deadline, clock: ContinuousClock()) { [client, message] in
                let answer = try await client.execute(message, timeout: TimeAmount(deadline))
                let body = try await answer.body.collect(upTo: limit)
                return UpstreamAnswer(
                    status: Int(answer.status.code),
                    contentType: answer.headers.first(name: "content-type"),
                    retryAfter: answer.headers.first(name: "retry-after").flatMap { Int($0) },
                    body: Array(body.readableBytesView))
            }
        } catch {
            throw Self.translated(error)
        }
    }

    /// Foreign errors stop here; their text may hold a header's value and is never kept.
    private static func translated(_ error: any Error) -> BFFError {
        switch error {
        case is DeadlineExceeded: .upstreamTimedOut
        case is NIOTooManyBytesError, is HTTPParserError: .upstreamInvalidAnswer
        case let error as HTTPClientError:
            switch error {
            case .deadlineExceeded, .readTimeout, .writeTimeout: .upstreamTimedOut
            default: .upstreamUnreachable
            }
        default: .upstreamUnreachable
        }
    }
}
