import Foundation
import Metrics
import Testing

@testable import Telemetry

@Suite struct PrometheusRegistryTests {
    private let registry = PrometheusRegistry(capacity: 3)

    private func counter(_ name: String, _ labels: [(String, String)] = []) -> Counter {
        Counter(label: name, dimensions: labels, factory: registry)
    }

    private func line(_ start: String) -> Substring? {
        registry.text().split(separator: "\n").first { $0.hasPrefix(start) }
    }

    @Test func `counters, gauges and histograms come out as Prometheus reads them`() {
        counter("connect_bff_requests_total", [("status", "200"), ("route", "/v1/locations/{id}")]).increment(by: 2)
        counter("connect_bff_requests_total", [("route", "/v1/locations/{id}"), ("status", "200")]).increment()
        Gauge(label: "connect_bff_bearer_age_seconds", factory: registry).record(12.5)
        let timer = Timer(label: "connect_bff_request_seconds", dimensions: [("route", "/")], factory: registry)
        for milliseconds in [0, 1, 3, 30_000] { timer.record(duration: .milliseconds(milliseconds)) }
        #expect(
            line("connect_bff_requests_total{")
                == #"connect_bff_requests_total{route="/v1/locations/{id}",status="200"} 3"#)
        #expect(line("connect_bff_bearer_age_seconds ") == "connect_bff_bearer_age_seconds 12.5")
        let bucket = #"connect_bff_request_seconds_bucket{route="/",le="#
        #expect(line(bucket + #""0.001""#)?.hasSuffix(" 2") == true)
        #expect(line(bucket + #""0.002""#)?.hasSuffix(" 2") == true)
        #expect(line(bucket + #""0.005""#)?.hasSuffix(" 3") == true)
        #expect(line(bucket + #""20""#)?.hasSuffix(" 3") == true)
        #expect(line(bucket + #""+Inf""#)?.hasSuffix(" 4") == true)
        #expect(line(#"connect_bff_request_seconds_sum{route="/"}"#)?.hasSuffix(" 30.004") == true)
        #expect(line(#"connect_bff_request_seconds_count{route="/"}"#)?.hasSuffix(" 4") == true)
        #expect(line("# TYPE connect_bff_request_seconds") == "# TYPE connect_bff_request_seconds histogram")
        #expect(line("# TYPE process_cpu_seconds_total") == nil, "not read yet")
    }

    @Test func `the lag of deliveries is measured up to the last repetition`() {
        let timer = Timer(label: "connect_bff_webhook_lag_seconds", factory: registry)
        for seconds in [2, 31, 3605, 86_405] { timer.record(duration: .seconds(seconds)) }
        for (end, count) in [("5", 1), ("40", 2), ("1800", 2), ("3700", 3), ("43500", 3), ("87000", 4)] {
            #expect(
                line("connect_bff_webhook_lag_seconds_bucket{le=\"\(end)\"}")?.hasSuffix(" \(count)") == true, "\(end)")
        }
    }

    @Test("no duration that is recorded traps or hides the others (I1)", arguments: [Int64.max, .min, -1])
    func durationsSaturate(nanoseconds: Int64) throws {
        let timer = Timer(label: "connect_bff_webhook_lag_seconds", factory: registry)
        timer.record(duration: .seconds(2))
        for _ in 0..<500 { timer.recordNanoseconds(nanoseconds) }
        // From year 1 to today.
        timer.record(duration: .seconds(63_900_000_000))
        timer.recordNanoseconds(.max)
        #expect(line("connect_bff_webhook_lag_seconds_count")?.hasSuffix(" 503") == true)
        let text = line("connect_bff_webhook_lag_seconds_sum")?.split(separator: " ").last
        let sum = try #require(text.flatMap { Double($0) })
        #expect(sum > 0)
        #expect(sum <= 0x1p63 / 1e9)
    }

    @Test("a counter stays at its largest number (I1)") func countersSaturate() {
        let counter = counter("connect_bff_mints_total")
        for _ in 0..<3 { counter.increment(by: Int64.max) }
        #expect(line("connect_bff_mints_total") == "connect_bff_mints_total 9223372036854775807")
        counter.increment()
        #expect(line("connect_bff_mints_total") == "connect_bff_mints_total 9223372036854775807")
    }

    @Test(
        "a gauge takes any number (I1)",
        arguments: [Double.nan, .infinity, -.infinity, 1e308, -1e308, .leastNonzeroMagnitude, 0x1p63])
    func gauges(value: Double) {
        let gauge = Meter(label: "connect_bff_requests_in_flight", factory: registry)
        gauge.set(value)
        gauge.increment(by: value)
        gauge.decrement(by: value)
        #expect(line("connect_bff_requests_in_flight ") != nil)
    }

    @Test func `a counter without labels is there before it counts`() {
        #expect(line("connect_bff_mints_total") == "connect_bff_mints_total 0")
    }

    @Test func `what is not in the list, or has too many values, is dropped and counted`() {
        for status in 200..<210 {
            counter("connect_bff_requests_total", [("route", "/"), ("status", "\(status)")]).increment()
        }
        counter("connect_bff_made_up_total").increment()
        counter("connect_bff_mints_total", [("subject", "alice")]).increment()
        Gauge(label: "connect_bff_mints_total", factory: registry).record(7)
        let text = registry.text()
        #expect(text.split(separator: "\n").count { $0.hasPrefix("connect_bff_requests_total{") } == 3)
        #expect(!text.contains("made_up"))
        #expect(!text.contains("alice"))
        #expect(text.contains("connect_bff_mints_total 0\n"))
        #expect(text.contains("connect_bff_metric_series_refused_total 10\n"))
    }

    @Test("no token and no line end comes out of a label (S2)")
    func S2() {
        counter("connect_bff_errors_total", [("code", "cot_6587fa4362341be5\n\"\\")]).increment()
        #expect(registry.text().contains(#"connect_bff_errors_total{code="cot_***\n\"\\"} 1"# + "\n"))
    }

    @Test func `many threads count together`() async {
        let counter = counter("connect_bff_mints_total")
        let gauge = Meter(label: "connect_bff_requests_in_flight", factory: registry)
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        counter.increment()
                        gauge.increment()
                    }
                }
            }
        }
        #expect(line("connect_bff_mints_total") == "connect_bff_mints_total 8000")
        #expect(line("connect_bff_requests_in_flight") == "connect_bff_requests_in_flight 8000")
    }

    @Test func `a process knows what it takes`() throws {
        let usage = try #require(ProcessUsage.now())
        #expect(usage.cpuSeconds > 0)
        #expect(usage.residentBytes > 1 << 20)
        #expect(usage.virtualBytes > usage.residentBytes)
        #expect(usage.openFiles > 2)
        #expect(usage.mostFiles >= usage.openFiles)
        #expect(usage.threads > 0)
        #expect(abs(usage.startedAt - Date().timeIntervalSince1970) < 3600)
    }
}
