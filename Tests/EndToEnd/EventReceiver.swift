import Foundation
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

    static func secret(_ byte: UInt8) -> String {
        "whsec_" + Data(repeating: byte, count: 32).base64EncodedString()
    }

    /// Where it listens, or will.
    static func url(port: Int) -> String { "http://127.0.0.1:\(port)/events" }

    init(port: Int, secrets: String...) async throws {
        self.port = port
        mood = FileManager.default.temporaryDirectory.appending(path: "bff-receiver-\(UUID())").path
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "receiver.py").path
        program = await Program(
            path: URL(filePath: "/usr/bin/python3"), [script, "\(port)", mood] + secrets, until: "listening")
        try #require(program.output.text.contains("listening"), "\(program.output.text)")
    }

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
        program.output.text.split(separator: "\n").compactMap { line in
            guard line.hasSuffix("}"), let json = try? JSONValue(Array(line.utf8)), json["accepted"] != nil else {
                return nil
            }
            return Line(json: json)
        }
    }

    /// Waits until what was sent is enough.
    func waits(_ seconds: Double = 30, until isEnough: ([Line]) -> Bool) async throws -> [Line] {
        let end = ContinuousClock.now + .seconds(seconds)
        while !isEnough(lines), ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(50)) }
        let lines = lines
        #expect(isEnough(lines), "\(lines.map { "\($0.session) \($0.type) \($0.sequence) \($0.json["status"] ?? 0)" })")
        return lines
    }
}
