import ArgumentParser
import FoundationEssentials
import Keys

/// `connect-bff doctor`.
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check everything that the service needs, and report what is wrong and how to fix it.",
        discussion: """
            Give it the settings of `connect-bff serve`. It logs in to Flatpeak once with each key, reads once, and \
            changes nothing there. When the service does not run, it briefly listens in its place. It creates a database \
            and its key if there are none, as the service does.

            It exits with 0 when nothing has to be fixed, else with 1.
            """)

    @Option(help: "A YAML file with settings.")
    var config: String?

    @Flag(help: "Print the findings as JSON.")
    var json = false

    func run() async throws {
        try OpenSSL.requireUsable()
        let inspector = Inspector(
            environment: ProcessInfo.processInfo.environment, file: config, now: { Date() })
        let diagnosis = Diagnosis(await inspector.observations())
        StandardStream.output(json ? try Self.json(diagnosis) : Self.text(diagnosis))
        if !diagnosis.isHealthy { throw ExitCode.failure }
    }

    private static func json(_ diagnosis: Diagnosis) throws -> String {
        struct Report: Encodable {
            let healthy: Bool
            let findings: [Finding]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let report = Report(healthy: diagnosis.isHealthy, findings: diagnosis.findings)
        return String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
    }

    private static func text(_ diagnosis: Diagnosis) -> String {
        let column = { (text: String, width: Int) in text + String(repeating: " ", count: max(1, width - text.count)) }
        let lines = diagnosis.findings.flatMap { finding in
            let verdict = finding.verdict == .failed ? "FAILED" : finding.verdict.rawValue
            return [column(verdict, 9) + column(finding.check.rawValue, 11) + finding.meaning]
                + (finding.todo.map { [String(repeating: " ", count: 20) + "→ \($0)"] } ?? [])
        }
        let count = diagnosis.findings.count { $0.verdict == .failed }
        let end = count == 0 ? "Nothing has to be mended." : "\(count) to mend."
        return lines.joined(separator: "\n") + "\n\n\(end)\n"
    }
}
