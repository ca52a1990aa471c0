import AsyncHTTPClient
import FoundationEssentials
import Glibc
import NIOCore
package import NIOHTTP1
import NIOPosix
package import NIOSSL
import Resilience

/// The network through AsyncHTTPClient: TLS verified, redirects never followed, bodies capped.
package struct HTTPTransport: Sendable {
    private let client: HTTPClient
    private let clock: any Clock<Duration>

    /// Connects lazily; ``shutdown()`` must be called before the value goes away.
    /// - Parameters:
    ///   - clock: Times calls out.
    ///   - certificateAuthorities: Certificates in PEM to trust instead of the system's roots.
    ///   - connectionsPerHost: Connections to one host at once.
    package init(
        clock: any Clock<Duration>, certificateAuthorities: [UInt8]? = nil, connectionsPerHost: Int = 64
    ) {
        self.clock = clock
        var configuration = HTTPClient.Configuration()
        // The default follows five redirects and carries x-api-key to other hosts (measured: another server received the key).
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: .seconds(2), read: .seconds(15), write: .seconds(15))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connectionsPerHost
        // Trying again is decided in one place, `CallPolicy`.
        configuration.connectionPool.retryConnectionEstablishment = false
        // Which headers go out is decided in one place, and so is whose trace this is.
        configuration.tracing.tracer = nil
        configuration.tlsConfiguration = .flatpeak(certificateAuthorities: certificateAuthorities)
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes every connection.
    ///
    /// Calls under way fail.
    package func shutdown() async {
        // The only error is "was shut down before", which is what was asked for.
        try? await client.shutdown()
    }

    /// Makes one call and reads the whole answer.
    /// - Parameters:
    ///   - limit: From the first byte sent to the last byte read.
    ///   - answerLimit: The longest body that is read, in bytes.
    package func send(
        _ method: HTTPMethod, _ url: String, headers: [(name: String, value: String)], body: [UInt8]?,
        within limit: Duration, answerLimit: Int
    ) async throws(TransportFailure) -> HTTPAnswer {
        var message = HTTPClientRequest(to: url, headers)
        message.method = method
        if let body { message.body = .bytes(ByteBuffer(bytes: body)) }
        do {
            return try await withDeadline(limit, clock: clock) { [client, message] in
                let answer = try await client.execute(message, timeout: TimeAmount(limit))
                if ContentCoding(answer.headers["content-encoding"]) != nil { throw TransportFailure.encoded }
                let body = try await answer.body.collect(upTo: answerLimit)
                return HTTPAnswer(
                    status: Int(answer.status.code),
                    contentType: answer.headers.first(name: "content-type"),
                    retryAfter: answer.headers.first(name: "retry-after").flatMap { RetryAfter.seconds($0, at: .now) },
                    body: Array(body.readableBytesView))
            }
        } catch {
            throw TransportFailure(error)
        }
    }
}

extension HTTPTransport {
    /// Whether a document holds certificates in PEM that can be read.
    package static func holdsCertificate(_ pem: [UInt8]) -> Bool {
        (try? NIOSSLCertificate.fromPEMBytes(pem))?.isEmpty == false
    }
}

extension TLSConfiguration {
    /// How every connection to Flatpeak is secured: verified, by TLS 1.2 or later.
    /// - Parameter certificateAuthorities: Certificates in PEM to trust instead of the system's roots; nothing is trusted
    ///   when there is none that can be read.
    package static func flatpeak(certificateAuthorities: [UInt8]?) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let certificateAuthorities {
            tls.trustRoots = .certificates((try? NIOSSLCertificate.fromPEMBytes(certificateAuthorities)) ?? [])
        }
        return tls
    }
}

extension HTTPTransport {
    /// A document that is not Flatpeak's, such as an identity provider's keys: at most 1 MiB, within 5 seconds.
    package func document(
        at url: String, headers: [(name: String, value: String)] = []
    ) async throws(DocumentFailure) -> [UInt8] {
        do {
            return try await withDeadline(.seconds(5), clock: clock) { [client] in
                let answer = try await client.execute(HTTPClientRequest(to: url, headers), timeout: .seconds(5))
                guard answer.status == .ok else { throw DocumentFailure.status(Int(answer.status.code)) }
                if let coding = ContentCoding(answer.headers["content-encoding"]) {
                    throw DocumentFailure.encoded(coding)
                }
                return Array(try await answer.body.collect(upTo: 1 << 20).readableBytesView)
            }
        } catch let failure as DocumentFailure {
            throw failure
        } catch {
            throw .noAnswer(TransportFailure(error))
        }
    }

    /// Asks for `url` within 5 seconds, for the sake of whether it answers at all.
    /// - Returns: Its `Date`.
    func head(of url: String) async throws -> String? {
        try await withDeadline(.seconds(5), clock: clock) { [client] in
            try await client.execute(HTTPClientRequest(to: url), timeout: .seconds(5)).headers.first(name: "date")
        }
    }
}

extension HTTPTransport {
    /// Sends a body to an event receiver or span collector, within `limit`.
    ///
    /// The response's body is dropped, and read up to 64 KiB.
    /// - Returns: The status, and `Retry-After` in seconds from now.
    package func post(
        _ body: [UInt8], to url: String, headers: [(name: String, value: String)],
        within limit: Duration
    ) async throws(TransportFailure) -> (status: Int, retryAfter: Int?) {
        var message = HTTPClientRequest(to: url, headers)
        message.method = .POST
        message.body = .bytes(ByteBuffer(bytes: body))
        do {
            return try await withDeadline(limit, clock: clock) { [client, message] in
                let answer = try await client.execute(message, timeout: TimeAmount(limit))
                _ = try? await answer.body.collect(upTo: 64 << 10)
                return (
                    Int(answer.status.code),
                    answer.headers.first(name: "retry-after").flatMap { RetryAfter.seconds($0, at: .now) }
                )
            }
        } catch {
            throw TransportFailure(error)
        }
    }
}

extension HTTPClientRequest {
    /// A request with the header fields that every call has, and its own.
    fileprivate init(to url: String, _ headers: [(name: String, value: String)] = []) {
        self.init(url: url)
        for (name, value) in OutgoingHeaders.fixed + headers { self.headers.add(name: name, value: value) }
    }
}

extension TransportFailure {
    /// Foreign errors stop here; their text may hold a header's value and is never kept.
    fileprivate init(_ error: any Error) {
        self =
            switch error {
            case let failure as TransportFailure: failure
            case is DeadlineExceeded: .timedOut
            case is CancellationError: .cancelled
            case is NIOTooManyBytesError, is HTTPParserError: .unreadable
            case let error as IOError
            where [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL].contains(error.errnoCode):
                .notConnected
            case is NIOConnectionError, is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: .notConnected
            case let error as HTTPClientError:
                switch error {
                case .deadlineExceeded, .readTimeout, .writeTimeout: .timedOut
                case .connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout: .notConnected
                case .cancelled: .cancelled
                default: .broken
                }
            default: .broken
            }
    }
}
