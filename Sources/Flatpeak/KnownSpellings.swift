import Logging
import Synchronization

/// Which spelling of a call Flatpeak knows, of those that its documents have: tried in their order, and remembered for the
/// process.
final class KnownSpellings: Sendable {
    /// The index of the spelling, by operation.
    private let known = Mutex<[String: Int]>([:])
    private let logger: Logger

    init(logger: Logger) {
        self.logger = logger
    }

    /// The spellings in the order in which they are tried, with their indices.
    func order(of calls: [UpstreamCall]) -> [(index: Int, call: UpstreamCall)] {
        var order = calls.enumerated().map { (index: $0.offset, call: $0.element) }
        if let name = calls.first?.operation.name, let index = known.withLock({ $0[name] }), index < order.count {
            order.swapAt(0, index)
        }
        return order
    }

    /// Flatpeak knows a spelling; says so in the log when it is another one than before.
    func answered(_ index: Int, of calls: [UpstreamCall]) {
        let call = calls[index]
        guard calls.count > 1, known.withLock({ $0.updateValue(index, forKey: call.operation.name) != index }) else {
            return
        }
        logger.notice(
            "Flatpeak knows this spelling of a call",
            metadata: ["bff.operation": "\(call.operation.name)", "bff.route": "\(call.route)"])
    }
}
