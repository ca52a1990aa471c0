public import Foundation

/// What a call of ``ConnectClient`` throws, but for `CancellationError` and what the app's own token closure throws.
///
/// It has no launch URL, no token, no code of a confirmation, and nothing of a body.
public struct ConnectError: Error, Hashable, Sendable {
    /// What went wrong.
    ///
    /// Expect codes that this release does not list.
    public let code: ConnectClient.ErrorCode
    /// The HTTP status; 0 where there was no answer.
    public let status: Int
    /// What to do about it, for developers.
    public let detail: String?
    /// Names the request in the service's log.
    ///
    /// Show it to the customer for support.
    public let requestID: String?
    /// The seconds after which another try makes sense, where the service says so.
    public let retryAfter: TimeInterval?

    init(
        _ code: ConnectClient.ErrorCode, status: Int = 0, detail: String? = nil, requestID: String? = nil,
        retryAfter: TimeInterval? = nil
    ) {
        self.code = code
        self.status = status
        self.detail = detail
        self.requestID = requestID
        self.retryAfter = retryAfter
    }

    /// Reads a refusal.
    ///
    /// What is no problem of the service's is ``ConnectClient/ErrorCode/invalidAnswer``.
    init(_ head: AnswerHead, body: Data) {
        let problem = try? Coding.decoder().decode(Problem.self, from: body)
        self.init(
            problem?.code ?? .invalidAnswer, status: head.status, detail: problem?.detail,
            requestID: problem?.requestID ?? head.requestID, retryAfter: head.retryAfter)
    }

    /// A success that is not what the contract says.
    init(invalid head: AnswerHead) {
        self.init(.invalidAnswer, status: head.status, requestID: head.requestID)
    }

    /// An error as RFC 9457 has it; the HTTP status is that of the answer.
    private struct Problem: Decodable {
        let code: ConnectClient.ErrorCode
        let detail: String?
        let requestID: String?

        private enum CodingKeys: String, CodingKey {
            case code, detail
            case requestID = "request_id"
        }
    }
}

extension ConnectError: LocalizedError, CustomStringConvertible {
    /// The code, the status, what to do, and the request.
    public var description: String {
        [
            status == 0 ? code.rawValue : "\(code.rawValue) (\(status))", detail, requestID.map { "request \($0)" },
        ].compactMap(\.self).joined(separator: ", ")
    }
    /// The description.
    public var errorDescription: String? { description }
}
