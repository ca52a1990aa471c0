import Flatpeak
import FoundationEssentials
import Networking
import Sessions

/// What came of one try to deliver an event.
enum DeliveryAnswer: Equatable, Sendable {
    /// - retryAfter: In seconds.
    case status(Int, retryAfter: Int?)
    case none(TransportFailure)

    /// In a word, for operators.
    var text: String {
        switch self {
        case .status(let status, _): "\(status)"
        case .none(let failure): "\(failure)"
        }
    }

    /// What it means for the event.
    ///
    /// Only a 2xx is a delivery: a redirect leads to another receiver.
    /// - Parameter jitter: From 0 up to, not including, 1.
    func result(of event: OutgoingEvent, at now: Date, jitter: Double) -> Delivery.Result {
        if case .status(200...299, _) = self { return .delivered(at: now) }
        guard event.attempts < Self.waits.count else { return .dead }
        // Never earlier than said; up to a fifth later, so that what failed together does not come together.
        let wait = Self.waits[event.attempts] * (1 + jitter / 5)
        return .failed(nextAt: now + max(wait, pause ?? 0))
    }

    /// The waits after each failure, in seconds, as Standard Webhooks recommends them; after the last one it is over.
    static let waits: [TimeInterval] = [
        5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600,
    ]
    private static let longestPause: TimeInterval = 24 * 3600
    private static let goneFor: TimeInterval = 3600

    /// For how long the receiver asks for nothing at all, in seconds; nil when it does not.
    ///
    /// 410 says "never again"; but the address is the operator's, and so is the decision to take it away.
    var pause: TimeInterval? {
        switch self {
        case .status(429, let seconds?), .status(503, let seconds?): min(TimeInterval(seconds), Self.longestPause)
        case .status(410, _): Self.goneFor
        default: nil
        }
    }

    /// Whether it says that the receiver could take no other event either.
    ///
    /// A refusal of this one says nothing about the others: a receiver that cannot stand one kind of event must not keep
    /// the other kinds waiting.
    var isOutage: Bool {
        switch self {
        case .none, .status(429, _), .status(502...504, _): true
        case .status: false
        }
    }
}
