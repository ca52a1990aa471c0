import Foundation
import Synchronization
import Testing

/// `receiver.py`: an integrator's backend, by another hand and in another language.
final class EventReceiver: Sendable {
    /// What it wrote of one event.
    struct Line: Sendable {
        let json: JSONValue
        var isAccepted: Bool { json["accepted"] == true }
        var id: String { json["id"]?.text ?? "" }
        var type: String { json["type"]?.text ?? "" }
        var session: String { json["data"]?["id"]?.text ?? "" }
        var sequence: Int { if case .number(let number) = json["sequence"] { Int(number) } else { 0 } }
        /// Whether it was answered with a 2xx.
        var isTaken: Bool { isAccepted && json["status"] == 204 }
    }

    let port: Int
    private let program: Program
    private let mood: String
    /// What was read of its output, and how far; nothing is read twice.
    private let read = Mutex<(bytes: Int, lines: [Line])>((0, []))

    static func secret(_ byte: UInt8) -> String {
        "whsec_" + Data(repeating: byte, count: 32).base64EncodedString()
    }

    /// The settings of a service that delivers to such a receiver, which need not run yet.
    static func settings(port: Int) -> [String: String] {
        ["BFF_EVENTS_URL": "http://127.0.0.1:\(port)/events", "BFF_EVENTS_SECRET": secret(1)]
    }

    /// Runs `body` with a receiver that knows the secret of ``settings(port:)``, and stops it afterwards.
    static func run(port: Int? = nil, _ body: (EventReceiver) async throws -> Void) async throws {
        let receiver = try await EventReceiver(port: port ?? FreePort.find(), secrets: secret(1))
        try await Program.run {
            try await body(receiver)
        } finally: {
            await receiver.stop()
        }
    }

    init(port: Int, secrets: String...) async throws {
        self.port = port
        mood = FileManager.default.temporaryDirectory.appending(path: "bff-receiver-\(UUID())").path
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "receiver.py").path
        program = await Program(
            path: URL(filePath: "/usr/bin/python3"), [script, "\(port)", mood] + secrets, until: "listening")
        try #require(program.output.text.contains("listening"), "\(program.output.text)")
    }

    var settings: [String: String] { Self.settings(port: port) }

    /// What it answers with from now on, once it accepted an event.
    func answer(_ status: Int) throws {
        try Data("\(status)".utf8).write(to: URL(filePath: mood), options: .atomic)
    }

    func stop() async {
        await program.stop()
        try? FileManager.default.removeItem(atPath: mood)
    }

    /// What was sent to it so far.
    var lines: [Line] {
        let output = program.output.text.utf8
        return read.withLock { read in
            let rest = output.dropFirst(read.bytes)
            guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { return read.lines }
            let whole = rest[...end]
            read.bytes += whole.count
            for line in whole.split(separator: UInt8(ascii: "\n")) {
                if let json = try? JSONValue(Array(line)), json["accepted"] != nil {
                    read.lines.append(Line(json: json))
                }
            }
            return read.lines
        }
    }

    /// What it was sent of sessions: of Flatpeak's events it may be more or less.
    var sessionLines: [Line] { lines.filter { $0.type.hasPrefix("session.") } }

    /// Waits until what was sent of sessions is enough.
    func waits(_ seconds: Double = 30, until isEnough: ([Line]) -> Bool) async throws -> [Line] {
        func received() -> String {
            lines.map { "\($0.session) \($0.type) \($0.sequence) \($0.json["status"] ?? 0)" }.joined(separator: "\n")
        }
        try await eventually(within: .seconds(seconds), "not enough:\n\(received())") { isEnough(sessionLines) }
        return sessionLines
    }
}
