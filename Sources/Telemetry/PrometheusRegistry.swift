import Core
package import CoreMetrics
import Synchronization

/// Everything that is measured, behind swift-metrics, and its page for Prometheus (text format 0.0.4).
///
/// Whoever counts often makes a counter once and keeps it: making one takes a lock, counting takes none.
package final class PrometheusRegistry: MetricsFactory {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private let metrics: [String: Metric]
    /// Sets of label values that one name may have.
    private let capacity: Int
    private let families = Mutex<[String: [[String]: any Series]]>([:])
    private let refused = CounterSeries()
    private static let refusedName = "connect_bff_metric_series_refused_total"

    package init(capacity: Int = 1000) {
        self.capacity = capacity
        metrics = Dictionary(uniqueKeysWithValues: Metric.all.map { ($0.name, $0) })
        // A counter that is there from the start has a rate when it first counts.
        for metric in Metric.all where metric.kind == .counter && metric.labels.isEmpty {
            _ = series(metric.name, [], .counter) { CounterSeries() }
        }
        families.withLock { $0[Self.refusedName] = [[]: refused] }
    }

    // MARK: - MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, .counter) { CounterSeries() }
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        series(label, dimensions, metrics[label]?.kind == .reading ? .reading : .gauge) { GaugeSeries() }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, .gauge) { GaugeSeries() }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        metrics[label]?.kind == .delay
            ? series(label, dimensions, .delay) { Histogram(Histogram.delays) }
            : series(label, dimensions, .histogram) { Histogram() }
    }

    // Series stay for as long as the process does.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    /// The series of these label values; one that is on no page when it may not be.
    private func series<Kind: Series>(
        _ name: String, _ dimensions: [(String, String)], _ kind: Metric.Kind, make: () -> Kind
    ) -> Kind {
        let labels = dimensions.sorted { $0.0 < $1.0 }
        guard let metric = metrics[name], metric.kind == kind, metric.labels == labels.map(\.0) else {
            refused.increment(by: 1)
            return make()
        }
        let values = labels.map(\.1)
        let found = families.withLock { families -> Kind? in
            if let known = families[name]?[values] as? Kind { return known }
            guard families[name, default: [:]].count < capacity else { return nil }
            let new = make()
            families[name, default: [:]][values] = new
            return new
        }
        if let found { return found }
        refused.increment(by: 1)
        return make()
    }

    // MARK: - The page

    /// The page for Prometheus.
    package func text() -> String {
        let families = families.withLock { $0 }
        var text = ""
        for metric in Metric.all {
            guard let family = families[metric.name] else { continue }
            text += "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) \(metric.kind.type)\n"
            for (values, series) in family.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                let labels = zip(metric.labels, values).map { "\($0)=\"\(Self.escaped($1))\"" }
                series.write(metric.name, labels.joined(separator: ","), to: &text)
            }
        }
        return text
    }

    private static func escaped(_ value: String) -> String {
        let plain = ConnectToken.masked(value)
        guard plain.utf8.contains(where: { $0 == 0x5C || $0 == 0x22 || $0 < 0x20 }) else { return plain }
        return plain.map { character in
            switch character {
            case "\\": "\\\\"
            case "\"": "\\\""
            case "\n", "\r\n": "\\n"
            default: String(character)
            }
        }.joined()
    }
}
