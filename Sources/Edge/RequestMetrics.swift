import Core
import Metrics
import Synchronization

/// What is counted of requests, by route template.
///
/// Each counter is made once and kept, since a relayed call that looked it up by name would pay for that more than for
/// all other counting. What is not kept yet is put in place without a lock.
final class RequestMetrics: Sendable {
    private final class OfRoute: Sendable {
        let template: String
        let timer: Timer
        /// Of status 200, which nearly all answers have; it is there from the start.
        private let usual: Counter
        /// By status, from 100 on.
        private let statuses = InlineArray<500, AtomicLazyReference<Counter>> { _ in AtomicLazyReference() }

        init(_ template: String) {
            self.template = template
            timer = Timer(label: "connect_bff_request_seconds", dimensions: [("route", template)])
            usual = Self.counter(template, 200)
        }

        func counter(of status: Int) -> Counter {
            if status == 200 { return usual }
            let index = min(max(status, 100), 599) - 100
            return statuses[index].load() ?? statuses[index].storeIfNil(Self.counter(template, index + 100))
        }

        private static func counter(_ template: String, _ status: Int) -> Counter {
            Counter(
                label: "connect_bff_requests_total", dimensions: [("route", template), ("status", "\(status)")])
        }
    }

    private let routes: [String: OfRoute]
    /// For what was refused before its route was known.
    private let other: OfRoute

    init(_ templates: [String]) {
        routes = Dictionary(templates.map { ($0, OfRoute($0)) }, uniquingKeysWith: { first, _ in first })
        other = routes[EdgeRoute.none] ?? OfRoute(EdgeRoute.none)
    }

    func count(_ line: RequestLine) {
        let route = routes[line.route] ?? other
        route.counter(of: line.status).increment()
        route.timer.record(duration: line.duration)
        if let code = line.code { Counter(label: "connect_bff_errors_total", dimensions: [("code", code)]).increment() }
    }
}
