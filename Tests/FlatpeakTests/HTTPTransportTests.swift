import Core
import FoundationEssentials
import NIOCore
import NIOSSL
import Networking
import Relay
import TestSupport
import Testing
import Wire

@testable import Flatpeak

/// The real network code against servers that misbehave.
@Suite struct HTTPTransportTests {
    static let ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

    /// One try against `port` by each transport, and what came of it.
    private func send(
        _ scheme: String = "http", host: String = "127.0.0.1", port: Int, limit: Duration = .seconds(5),
        trusting authorities: String? = nil, operation: Flatpeak.Operation = .claim
    ) async throws -> [Result<Int, TransportFailure>] {
        let url = "\(scheme)://\(host):\(port)"
        let authorities = authorities.flatMap { FileManager.default.contents(atPath: $0) }.map { Array($0) }
        let request = UpstreamRequest(
            operation: operation, method: .GET, url: "\(url)/", headers: [], body: nil, timeLimit: limit)
        func result(of transport: some UpstreamTransport) async -> Result<Int, TransportFailure> {
            do throws(TransportFailure) { return .success(try await transport.send(request).status) } catch {
                return .failure(error)
            }
        }
        let general = HTTPTransport(clock: ContinuousClock(), certificateAuthorities: authorities)
        let pooled = try PooledTransport(
            api: url, connect: url, certificateAuthorities: authorities, now: { .now })
        let results = [await result(of: general), await result(of: pooled)]
        await general.shutdown()
        await pooled.shutdown()
        return results
    }

    private func against(
        _ behaviour: RawServer.Behaviour, limit: Duration = .seconds(5), operation: Flatpeak.Operation = .claim
    ) async throws -> [Result<Int, TransportFailure>] {
        let server = try await RawServer { _ in behaviour }
        let results = try await send(port: server.port, limit: limit, operation: operation)
        await server.stop()
        return results
    }

    private static func both(_ result: Result<Int, TransportFailure>) -> [Result<Int, TransportFailure>] {
        [result, result]
    }

    @Test("an upstream that accepts and never answers is given up at the deadline (R11)")
    func R11() async throws {
        let started = ContinuousClock.now
        #expect(try await against(.silence, limit: .milliseconds(200)) == Self.both(.failure(.timedOut)))
        #expect(started.duration(to: .now) < .seconds(10))
    }

    @Test(
        "a slow drip is cut at the deadline, in the head and in the body (R12)",
        arguments: [
            "HTTP/1.1 200 OK\r\nX-Slow:", "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{",
        ])
    func R12(beginning: String) async throws {
        #expect(try await against(.drips(beginning), limit: .milliseconds(200)) == Self.both(.failure(.timedOut)))
    }

    @Test(
        "an answer that ends early is never a short 200 (R29)",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}", "HTTP/1.1 200 OK\r\nContent-Le", "",
        ])
    func R29(bytes: String) async throws {
        for result in try await against(.sends(bytes, closes: true)) {
            guard case .failure(let failure) = result else {
                Issue.record("a torn answer was taken for a whole one")
                return
            }
            #expect([.broken, .unreadable].contains(failure))
        }
    }

    @Test("a redirect is an answer, and the other host is not called (S28)", arguments: [301, 302, 303, 307, 308])
    func S28(status: Int) async throws {
        let other = try await RawServer { _ in .sends(Self.ok, closes: false) }
        let answer =
            "HTTP/1.1 \(status) Moved\r\nLocation: http://127.0.0.1:\(other.port)/\r\nContent-Length: 0\r\n\r\n"
        #expect(try await against(.sends(answer, closes: false)) == Self.both(.success(status)))
        #expect(other.connections == 0)
        await other.stop()
    }

    @Test("an answer longer than the operation allows is not read on (S35)")
    func S35() async throws {
        let body = String(repeating: "x", count: 70_000)
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n\(body)"
        #expect(try await against(.sends(answer, closes: false)) == Self.both(.failure(.unreadable)))
        #expect(try await against(.sends(answer, closes: false), operation: .tariffs) == Self.both(.success(200)))
    }

    @Test(arguments: [Duration.zero, .milliseconds(100)])
    func `a call that is cancelled ends at once, and so does one of a cancelled task`(after pause: Duration)
        async throws
    {
        let server = try await RawServer { _ in .silence }
        let started = ContinuousClock.now
        let call = Task { try await send(port: server.port, limit: .seconds(60)) }
        try await Task.sleep(for: pause)
        call.cancel()
        #expect(try await call.value == Self.both(.failure(.cancelled)))
        #expect(started.duration(to: .now) < .seconds(10))
        await server.stop()
    }

    @Test func `a call that was cancelled holds no connection, and none is made after the end`() async throws {
        let server = try await RawServer { _ in .silence }
        let url = "http://127.0.0.1:\(server.port)"
        let transport = try PooledTransport(api: url, connect: url, now: { .now })
        let request = UpstreamRequest(
            operation: .claim, method: .GET, url: "\(url)/", headers: [], body: nil, timeLimit: .seconds(60))
        let calls = (0..<20).map { _ in Task { try await transport.send(request) } }
        try await until { server.requests == calls.count }
        for call in calls { call.cancel() }
        for call in calls { await #expect(throws: TransportFailure.cancelled) { try await call.value } }
        try await until { await transport.connections == 0 }
        await transport.shutdown()
        await #expect(throws: TransportFailure.notConnected) { try await transport.send(request) }
        #expect(server.connections == calls.count)
        await server.stop()
    }

    @Test("nothing was sent when there is no listener (R7)")
    func refused() async throws {
        let server = try await RawServer { _ in .silence }
        await server.stop()
        #expect(try await send(port: server.port) == Self.both(.failure(.notConnected)))
    }

    @Test("connections that upstream closes while idle break no read in ten thousand (R15)")
    func R15() async throws {
        // Every twentieth connection ends together with an answer that still promised to keep it.
        let server = try await RawServer { .sends(Self.ok, closes: $0.isMultiple(of: 20)) }
        let url = "http://127.0.0.1:\(server.port)"
        let transport = try PooledTransport(api: url, connect: url, now: { .now })
        let upstream = Upstream(transport, time: .real)
        var failures: [BFFError] = []
        for _ in 0..<10_000 {
            do throws(BFFError) {
                _ = try await upstream.send(
                    UpstreamRequest(
                        operation: .claim, method: .GET, url: "\(url)/", headers: [], body: nil, timeLimit: .seconds(5))
                )
            } catch {
                failures.append(error)
            }
        }
        #expect(failures == [])
        #expect(server.connections >= 500)
        await transport.shutdown()
        await server.stop()
    }

    // MARK: - S37

    @Test(
        "only a certificate that is trusted, valid and for this host is taken (S37)",
        arguments: [
            ("good", true), ("unknown-authority", false), ("expired", false), ("wrong-host", false), ("tls-1.1", false),
        ])
    func S37(name: String, isTaken: Bool) async throws {
        let openssl = try OpenSSLProgram()
        defer { openssl.remove() }
        let host = name == "wrong-host" ? "other.test" : "localhost"
        try openssl.write(Data("subjectAltName=DNS:\(host)\n".utf8), to: "extensions")
        try openssl.run(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=\(host)", "-keyout", "key.pem", "-out", "request.pem")
        try openssl.run(
            "x509", "-req", "-in", "request.pem", "-signkey", "key.pem", "-extfile", "extensions", "-days",
            name == "expired" ? "-1" : "2", "-out", "certificate.pem")
        let folder = openssl.folder
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile("\(folder)/certificate.pem").map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: "\(folder)/key.pem", format: .pem)))
        if name == "tls-1.1" {
            configuration.minimumTLSVersion = .tlsv1
            configuration.maximumTLSVersion = .tlsv11
        }
        let server = try await RawServer(tls: try NIOSSLContext(configuration: configuration)) { _ in
            .sends(Self.ok, closes: false)
        }
        let results = try await send(
            "https", host: "localhost", port: server.port,
            trusting: name == "unknown-authority" ? nil : "\(folder)/certificate.pem")
        #expect(results == Self.both(isTaken ? .success(200) : .failure(.notConnected)))
        #expect(server.requests == (isTaken ? 2 : 0))
        await server.stop()
    }
}
