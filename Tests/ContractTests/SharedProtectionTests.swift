import Edge
import Foundation
import Testing

/// Holds docs/decisions/0012-shared-protection.md against the code: what is shared by all has a key and a bound in writing.
@Suite struct SharedProtectionTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// What of `Resilience` holds no state that callers share.
    private static let values: Set = ["CallerKey", "Deadline", "RetrySchedule", "RunDetached"]
    /// Mechanisms that live beside what they protect.
    private static let others: Set = [
        "AdmissionControl", "BodyMemory", "Listeners", "IdempotencyKeys", "SessionCacheState", "PostgresSlots",
        "LogWriter", "RefreshedKeys", "KeysFile", "VersionGate", "VerifiedTokenCache", "OwnershipCache",
        "LogoCache",
    ]

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static var mechanisms: Set<String> {
        get throws {
            let files = try FileManager.default.contentsOfDirectory(
                atPath: root.appending(path: "Sources/Resilience").path)
            return Set(files.map { String($0.dropLast(".swift".count)) }).subtracting(values).union(others)
        }
    }

    /// Each mechanism that the service makes, and the file that makes it.
    private static func made() throws -> Set<String> {
        let sources = root.appending(path: "Sources")
        let names = try mechanisms.sorted().joined(separator: "|")
        let making = try Regex("\\b(\(names))(<[^(]*>)?\\(")
        var found: Set<String> = []
        let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
        for case let file as URL in files ?? .init()
        where file.pathExtension == "swift" && !["/Sandbox/", "/ConnectClient/"].contains(where: file.path.contains) {
            let own = file.deletingPathExtension().lastPathComponent
            let path = file.path.replacing(sources.path + "/", with: "")
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
            where !line.drop(while: { $0 == " " }).hasPrefix("//") {
                for match in line.matches(of: making) {
                    guard let name = match[1].substring, name != own else { continue }
                    found.insert("`\(name)` | `\(path)`")
                }
            }
        }
        return found
    }

    @Test func `every shared mechanism has its key and its bound in the table, and none that is not there`() throws {
        let document = try Self.text("docs/decisions/0012-shared-protection.md")
        let rows = document.split(separator: "\n").filter { $0.hasPrefix("| `") }
        let listed = Set(
            rows.map { row in row.split(separator: "|").prefix(2).map { $0.trimmingCharacters(in: .whitespaces) } }
                .map { $0.joined(separator: " | ") })
        let made = try Self.made()
        #expect(made.subtracting(listed).isEmpty)
        #expect(listed.subtracting(made).isEmpty)
        #expect(made.count > 20)
        #expect(rows.allSatisfy { $0.split(separator: "|").count == 4 })
    }
}
