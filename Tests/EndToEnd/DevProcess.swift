import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// A real `connect-bff dev` on free ports of 127.0.0.1.
///
/// Every answer it gives and every line it writes is kept, and searched for credentials when the test is over.
final class DevProcess: Sendable {
    let gateway: String
    let control: String
    let output: Record
    let answers = Record()
    private let process: ProcessBox

    /// Text that grows.
    final class Record: Sendable {
        private let state = Mutex("")
        var text: String { state.withLock { $0 } }
        func append(_ text: String) { state.withLock { $0 += text } }
    }

    /// `Process` is not sendable; it is touched by its owner alone.
    private final class ProcessBox: Sendable {
        private let process: Mutex<Process>
        init(_ process: sending Process) { self.process = Mutex(process) }
        func stop() {
            process.withLock { process in
                process.terminate()
                process.waitUntilExit()
            }
        }
    }

    /// What a test asks of the gateway, the sandbox's control surface or a provider's page, and the answer.
    struct Answer: Sendable {
        let status: Int
        /// By lower-case name.
        let headers: [String: String]
        let body: [UInt8]
        var json: JSONValue { get throws { try JSONValue(body) } }
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// Runs `body` against a new process and then looks for leaks in all that it said.
    static func run(
        mode: String = "plain", _ body: (DevProcess) async throws -> Void
    ) async throws {
        let dev = try await DevProcess()
        do {
            if mode != "plain" { _ = try await dev.control("POST", "/mode", ["mode": .text(mode)]) }
            try await body(dev)
            let credentials = try await dev.credentialsThatTravelled()
            dev.process.stop()
            #expect(!credentials.isEmpty, "the sandbox saw no credential, so the scan would prove nothing")
            let said = dev.output.text + dev.answers.text
            #expect(Self.leaks(of: credentials, in: said).isEmpty, "S1")
            #expect(!dev.output.text.contains(/cot_[0-9a-f]/), "S2: a log line holds a connect token")
        } catch {
            dev.process.stop()
            throw error
        }
    }

    private init() async throws {
        let port = try FreePort.find()
        let process = Process()
        process.executableURL = Self.program("connect-bff")
        process.arguments = ["dev", "--port", "\(port)", "--sandbox-port", "0", "--log-level", "trace"]
        let output = Record()
        self.output = output
        let (lines, continuation) = AsyncStream<Void>.makeStream()
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        pipe.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil; continuation.finish() }
            output.append(String(decoding: data, as: UTF8.self))
            continuation.yield()
        }
        try process.run()
        self.process = ProcessBox(process)
        for await _ in lines where output.text.contains("Ctrl-C stops.") { break }
        gateway = "http://127.0.0.1:\(port)"
        control = String(try #require(output.text.firstMatch(of: /controls (http:\S+),/)).1)
    }

    /// A program of this package, beside the test bundle.
    static func program(_ name: String) -> URL {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: name)
    }

    // MARK: - Requests

    func send(
        _ method: String, _ url: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url.hasPrefix("/") ? gateway + url : url)
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await Self.client.execute(request, timeout: .seconds(20))
        let bytes = Array(try await response.body.collect(upTo: 8 << 20).readableBytesView)
        let headers = Dictionary(
            response.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { "\($0), \($1)" })
        let answer = Answer(status: Int(response.status.code), headers: headers, body: bytes)
        if request.url.hasPrefix(gateway) {
            answers.append("\(answer.headers) \(answer.text)\n")
        }
        return answer
    }

    func send(
        _ method: String, _ url: String, headers: [(String, String)] = [], json: JSONValue
    ) async throws -> Answer {
        try await send(
            method, url, headers: [("content-type", "application/json")] + headers,
            body: Array(try JSONEncoder().encode(json)))
    }

    func control(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
        let answer =
            if let body { try await send(method, control + path, json: body) } else {
                try await send(method, control + path)
            }
        try #require(answer.status == 200, "\(answer.text)")
        return try answer.json
    }

    /// Redirects are the test's to follow.
    ///
    /// Shut down by nobody: it lives as long as the test run.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    // MARK: - S1

    /// Everything secret that the sandbox saw: Basic pairs, their two halves, and bearers.
    private func credentialsThatTravelled() async throws -> Set<String> {
        var found: Set<String> = []
        let headers = (try await control("GET", "/requests")["data"]?.items ?? []).flatMap {
            $0["headers"]?.items ?? []
        }
        for header in headers where header["name"]?.text?.lowercased() == "authorization" {
            guard let value = header["value"]?.text else { continue }
            let credential = String(value.drop { $0 != " " }.dropFirst())
            found.insert(credential)
            if let pair = Data(base64Encoded: credential).flatMap({ String(data: $0, encoding: .utf8) }),
                pair.contains(":")
            {
                found.formUnion(pair.split(separator: ":").map(String.init))
            }
        }
        return found
    }

    /// The credentials that stand in `text`, as they are, in base64, or percent-encoded.
    static func leaks(of credentials: Set<String>, in text: String) -> Set<String> {
        let plain =
            text
            + text.replacing(/%([0-9A-Fa-f]{2})/) { match in
                UInt8(match.1, radix: 16).map { String(Character(Unicode.Scalar($0))) } ?? ""
            }
        return credentials.filter { credential in
            // The last characters of base64 depend on what follows, so they do not count.
            let encoded = Data(credential.utf8).base64EncodedString().trimmingCharacters(in: ["="]).dropLast(2)
            return plain.contains(credential) || plain.contains(encoded)
        }
    }
}
