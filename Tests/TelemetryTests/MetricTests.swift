import Foundation
import Testing

@testable import Telemetry

/// The list of metrics against the code that measures and the page that lists them.
@Suite struct MetricTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test func `docs/metrics.md has every metric as it is, in the same order`() throws {
        let page = try String(contentsOf: Self.root.appending(path: "docs/metrics.md"), encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }.map(String.init)
        let expected = Metric.all.map { metric in
            let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
            return "| `\(metric.name)` | \(metric.kind.type) |\(labels.isEmpty ? "" : " \(labels)") | \(metric.help) |"
        }
        #expect(rows == expected, "the rows should be:\n\(expected.joined(separator: "\n"))")
    }

    @Test func `every name in the code is in the list, and every name in the list is in the code`() throws {
        let sources = Self.root.appending(path: "Sources")
        let files = try FileManager.default.subpathsOfDirectory(atPath: sources.path)
            .filter { $0.hasSuffix(".swift") && !$0.hasPrefix("Telemetry/Metric.swift") }
        var used: Set<String> = []
        for file in files {
            let text = try String(contentsOf: sources.appending(path: file), encoding: .utf8)
            used.formUnion(text.matches(of: /"((?:connect_bff|process)_[a-z_]+)"/).map { String($0.1) })
        }
        let listed = Set(Metric.all.map(\.name))
        #expect(used.subtracting(listed).isEmpty, "add these to Telemetry/Metric.swift and docs/metrics.md")
        #expect(listed.subtracting(used).isEmpty, "nothing measures these")
    }

    @Test func `names say their unit, and help is a sentence`() {
        for metric in Metric.all {
            #expect(metric.name.hasSuffix("_total") == (metric.kind.type == "counter"), "\(metric.name)")
            if metric.kind.type == "histogram" { #expect(metric.name.hasSuffix("_seconds")) }
            #expect(metric.help.hasSuffix("."))
            #expect(!metric.help.contains("\n"))
            #expect(!metric.help.contains("|"))
            #expect(metric.labels == metric.labels.sorted())
        }
        #expect(Set(Metric.all.map(\.name)).count == Metric.all.count)
    }
}
