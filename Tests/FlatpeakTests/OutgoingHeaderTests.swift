import Core
import FoundationEssentials
import Networking
import Relay
import TestSupport
import Testing

@testable import Flatpeak

/// What the real network code sends; Tests/EndToEnd has every kind of call of the program.
@Suite(.serialized) struct OutgoingHeaderTests {
    private static func request(_ url: String, _ operation: Flatpeak.Operation) -> UpstreamRequest {
        UpstreamRequest(
            operation: operation, method: .GET, url: "\(url)/", headers: [], body: nil, timeLimit: .seconds(5))
    }

    @Test func `calls, documents, posts and probes have the one list of fixed headers, each once`() async throws {
        let recorder = try await RecordingServer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        let transport = HTTPTransport(clock: ContinuousClock())
        let pooled = try PooledTransport(api: recorder.url, connect: recorder.url, now: { .now })
        let calls: [@Sendable () async throws -> Void] = [
            { _ = try await transport.send(Self.request(recorder.url, .claim)) },
            { _ = try await transport.send(Self.request(recorder.url, .mint)) },
            { _ = try await pooled.send(Self.request(recorder.url, .claim)) },
            { _ = try await pooled.send(Self.request(recorder.url, .mint)) },
            { _ = try await transport.document(at: recorder.url) },
            { _ = try await transport.post([], to: recorder.url, headers: [("a", "b")], within: .seconds(5)) },
            { _ = await transport.reach(recorder.url) { Date() } },
        ]
        for call in calls {
            try await call()
            let lines = (recorder.requests.last ?? "").split(separator: "\r\n").map { $0.lowercased() }
            for (name, value) in OutgoingHeaders.fixed {
                let own = lines.filter { $0.hasPrefix("\(name.lowercased()):") }
                #expect(own == ["\(name): \(value)".lowercased()], "\((recorder.requests.last ?? ""))")
            }
        }
        #expect(OutgoingHeaders.fixed.map(\.name) == ["Accept", "Accept-Encoding", "User-Agent"])
        await pooled.shutdown()
        await transport.shutdown()
        await recorder.stop()
    }

    @Test(arguments: ["gzip", "br", "GZIP, identity", "x\u{7f}<y>"])
    func `an answer that is compressed all the same is an error that says so`(coding: String) async throws {
        let recorder = try await RecordingServer(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: \(coding)\r\nContent-Length: 2\r\n\r\n{}"
        )
        let transport = HTTPTransport(clock: ContinuousClock())
        let pooled = try PooledTransport(api: recorder.url, connect: recorder.url, now: { .now })
        for transport: any UpstreamTransport in [transport, pooled] {
            do throws(TransportFailure) {
                _ = try await transport.send(Self.request(recorder.url, .claim))
                Issue.record("it was taken")
            } catch {
                // What is no header at all is refused by the parser.
                #expect(error == .encoded || (coding.contains("\u{7f}") && error == .unreadable))
            }
        }
        await pooled.shutdown()
        do throws(DocumentFailure) {
            _ = try await transport.document(at: recorder.url)
            Issue.record("it was taken")
        } catch {
            if !coding.contains("\u{7f}") { #expect("\(error)".contains("Accept-Encoding: identity"), "\(error)") }
        }
        await transport.shutdown()
        await recorder.stop()
    }

    @Test func `identity is no coding`() async throws {
        let recorder = try await RecordingServer(
            "HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 2\r\n\r\n{}")
        let transport = HTTPTransport(clock: ContinuousClock())
        #expect(try await transport.document(at: recorder.url) == Array("{}".utf8))
        await transport.shutdown()
        await recorder.stop()
    }
}
