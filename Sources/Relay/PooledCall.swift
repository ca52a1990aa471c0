import Core
import Flatpeak
import FoundationEssentials
import NIOCore
import Networking
import Wire

/// One call of a ``PooledTransport``, which collects the whole answer.
///
/// It is touched on its event loop alone.
final class PooledCall: AnswerReceiver {
    typealias Outcome = Result<HTTPAnswer, TransportFailure>

    enum Progress {
        case waiting
        case sent(PooledCall)
        case cancelled
    }

    private let limit: Int
    /// `nil` when the call is over, whatever still arrives.
    private var continuation: CheckedContinuation<Outcome, Never>?
    private var connection: UpstreamConnection?
    /// 0 before the head of the answer.
    private var status = 0
    private var contentType: String?
    private var retryAfter: Int?
    private var body: [UInt8] = []

    /// - Parameter limit: The longest body that is read, in bytes.
    init(limit: Int, _ continuation: CheckedContinuation<Outcome, Never>) {
        self.limit = limit
        self.continuation = continuation
    }

    /// The call is on its way.
    func sent(on connection: UpstreamConnection) {
        if continuation != nil { self.connection = connection }
    }

    func answerBegan(_ head: AnswerHead, _ bytes: ByteBuffer, on connection: UpstreamConnection) {
        guard continuation != nil else { return connection.abandonResponse() }
        let span = bytes.readableBytesUInt8Span
        status = head.status
        contentType = head.contentType.map { span.text(in: $0) }
        retryAfter = head.retryAfter.flatMap { RetryAfter.seconds(span.text(in: $0), at: .now) }
        if case .length(let length) = head.framing {
            guard length <= limit else { return abandon(.unreadable) }
            body.reserveCapacity(length)
        }
    }

    func answerContinued(_ bytes: ByteBuffer, in range: Range<Int>) {
        guard body.count + range.count <= limit else { return abandon(.unreadable) }
        if let piece = bytes.viewBytes(at: bytes.readerIndex + range.lowerBound, length: range.count) { body += piece }
    }

    func answerPaused() {}

    func answerEnded(at now: ContinuousClock.Instant) {
        end(.success(HTTPAnswer(status: status, contentType: contentType, retryAfter: retryAfter, body: body)))
    }

    func answerFailed(_ failure: TransportFailure) {
        let isTornOff = status > 0 && failure == .broken
        end(.failure(isTornOff ? .unreadable : failure))
    }

    /// Whoever wanted the answer left.
    func cancel() { abandon(.cancelled) }

    /// Ends the call; what still arrives of its answer is dropped.
    private func abandon(_ failure: TransportFailure) {
        // A connection that waits for an answer would be held for as long as upstream likes, and the slot of the call is
        // free.
        if status > 0 { connection?.abandonResponse() } else { connection?.abandonCall() }
        end(.failure(failure))
    }

    private func end(_ outcome: Outcome) {
        connection = nil
        body = []
        continuation?.resume(returning: outcome)
        continuation = nil
    }
}
