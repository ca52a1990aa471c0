import Core
import Metrics
import Networking

/// What is counted of the calls of one operation, made once and kept: a busy relay would look each of them up by name.
struct CallMetrics: Sendable {
    enum Outcome: Sendable {
        /// The policy refused, for this reason.
        case notSent(BFFError)
        case answered(status: Int)
        case failed(TransportFailure)
    }

    private let noSlot: Counter
    private let breakerOpen: Counter
    private let throttled: Counter
    private let classes: [Counter]
    private let failures: [TransportFailure: Counter]
    private let timer: Timer

    init(_ operation: Operation) {
        let counter = { (result: String) in
            Counter(
                label: "connect_bff_upstream_calls_total",
                dimensions: [("operation", operation.name), ("result", result)])
        }
        noSlot = counter("no_slot")
        breakerOpen = counter("breaker_open")
        throttled = counter("throttled")
        classes = (1...5).map { counter("\($0)xx") }
        failures = Dictionary(uniqueKeysWithValues: TransportFailure.allCases.map { ($0, counter($0.label)) })
        timer = Timer(label: "connect_bff_upstream_seconds", dimensions: [("operation", operation.name)])
    }

    func count(_ outcome: Outcome) {
        switch outcome {
        case .notSent(.overloaded), .notSent(.rateLimited): noSlot.increment()
        case .notSent(.upstreamLimited): throttled.increment()
        case .notSent: breakerOpen.increment()
        case .answered(let status): classes[min(max(status / 100, 1), 5) - 1].increment()
        case .failed(let failure): failures[failure]?.increment()
        }
    }

    func took(_ duration: Duration) {
        timer.record(duration: duration)
    }
}

extension TransportFailure {
    /// The failure in a word, for operators.
    var label: String {
        switch self {
        case .notConnected: "not_connected"
        case .broken: "broken"
        case .timedOut: "timed_out"
        case .unreadable: "unreadable"
        case .encoded: "encoded"
        case .cancelled: "cancelled"
        }
    }
}
