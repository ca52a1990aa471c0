import Foundation
import Testing

/// A real `connect-bff dev` on free ports of 127.0.0.1.
///
/// Every answer it gives and every line it writes is kept, and searched for credentials when the test is over.
final class DevProcess: Sendable {
    let gateway: String
    let control: String
    let output: Record
    let answers = Record()
    private let program: Program

    /// Runs `body` against a new process and then looks for leaks in all that it said.
    static func run(
        mode: String = "plain", _ body: (DevProcess) async throws -> Void
    ) async throws {
        let dev = try await DevProcess()
        try await Program.run {
            if mode != "plain" { _ = try await dev.control("POST", "/mode", ["mode": .text(mode)]) }
            try await body(dev)
            let credentials = try await dev.credentialsThatTravelled()
            await dev.program.stop()
            #expect(!credentials.isEmpty, "the sandbox saw no credential, so the scan would prove nothing")
            let said = dev.output.text + dev.answers.text
            #expect(Self.leaks(of: credentials, in: said).isEmpty, "S1")
            #expect(!dev.output.text.contains(/cot_[0-9a-f]/), "S2: a log line holds a connect token")
        } finally: {
            await dev.program.stop()
        }
    }

    private init() async throws {
        let port = try FreePort.find()
        program = await Program(
            "connect-bff",
            [
                "dev", "--port", "\(port)", "--admin-port", "\(try FreePort.find())", "--sandbox-port", "0",
                "--log-level", "trace",
            ],
            until: "Ctrl-C stops.")
        output = program.output
        gateway = "http://127.0.0.1:\(port)"
        control = String(try #require(output.text.firstMatch(of: /controls (http:\S+),/)).1)
    }

    // MARK: - Requests

    func send(
        _ method: String, _ url: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws -> HTTP.Answer {
        let url = url.hasPrefix("/") ? gateway + url : url
        let answer = try await HTTP.send(method, url, headers: headers, body: body)
        if url.hasPrefix(gateway) { answers.append("\(answer.headers) \(answer.text)\n") }
        return answer
    }

    func send(
        _ method: String, _ url: String, headers: [(String, String)] = [], json: JSONValue
    ) async throws -> HTTP.Answer {
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
