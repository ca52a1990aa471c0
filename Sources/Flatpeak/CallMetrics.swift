import Metrics

/// What is counted of the calls of one operation, made once and kept: a busy relay would look each of them up by name.
struct CallMetrics: Sendable {
    enum Outcome: Sendable {
        /// The policy refused.
        case notSent
        case answered(status: Int)
        case failed(TransportFailure)
    }

    private let notSent: Counter
    private let classes: [Counter]
    private let failures: [TransportFailure: Counter]
    private let timer: Timer

    init(_ operation: Operation) {
        let counter = { (result: String) in
            Counter(
                label: "connect_bff_upstream_calls", dimensions: [("operation", operation.name), ("result", result)])
        }
        notSent = counter("not_sent")
        classes = (1...5).map { counter("\($0)xx") }
        failures = Dictionary(uniqueKeysWithValues: TransportFailure.allCases.map { ($0, counter("\($0)")) })
        timer = Timer(label: "connect_bff_upstream_seconds", dimensions: [("operation", operation.name)])
    }

    func count(_ outcome: Outcome) {
        switch outcome {
        case .notSent: notSent.increment()
        case .answered(let status): classes[min(max(status / 100, 1), 5) - 1].increment()
        case .failed(let failure): failures[failure]?.increment()
        }
    }

    func took(_ duration: Duration) {
        timer.record(duration: duration)
    }
}
