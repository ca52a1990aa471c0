extension Sandbox {
    /// A scripted misbehaviour, applied to the next `count` requests of an operation.
    ///
    /// `status`, `rateLimit`, `body` and `reset` answer instead of the operation, which is not carried out; `delay`,
    /// `drip` and `truncate` carry it out and spoil the delivery of its answer.
    package struct Fault: Sendable {
        package enum Kind: String, CaseIterable, Sendable {
            /// Answers `status` (503) with `body`, or `{message}` where there is none.
            case status
            /// Waits `seconds` (1) before the answer.
            case delay
            /// Closes the connection with RST.
            case reset
            /// Sends the body one byte per `seconds` (0.05).
            case drip
            /// Declares the whole body, sends half and closes.
            case truncate
            /// Answers 429 with an error object and `Retry-After`.
            case rateLimit = "rate_limit"
            /// Answers `status` (200) with exactly `body`.
            case body
        }

        /// The longest wait, in seconds.
        package static let maximumSeconds = 60.0

        /// Whose requests it spoils; `any` for all.
        package var operation: Operation
        /// Only those whose target or body holds this text, such as a location's id; nil for all.
        package var mentioning: String?
        /// What happens to them.
        package var kind: Kind
        /// Requests left to spoil.
        package var count: Int
        /// Of `status` and `body`.
        package var status: Int?
        /// Of `status` and `body`.
        package var body: String?
        /// Of `body`.
        package var contentType: String
        /// Added to the answer of `status`, `body` and `rateLimit`.
        package var headers: [String: String]
        /// Of `delay` and `drip`; held to ``maximumSeconds``.
        package var seconds: Double?
        /// Of `rateLimit`, as the header has it.
        package var retryAfter: String?

        /// A fault for the next `count` requests; what a kind does not use is ignored.
        package init(
            _ kind: Kind, on operation: Operation, count: Int = 1, status: Int? = nil, body: String? = nil,
            contentType: String = "application/json", headers: [String: String] = [:], seconds: Double? = nil,
            retryAfter: String? = nil, mentioning: String? = nil
        ) {
            self.mentioning = mentioning
            self.operation = operation
            self.kind = kind
            self.count = count
            self.status = status
            self.body = body
            self.contentType = contentType
            self.headers = headers
            self.seconds = seconds
            self.retryAfter = retryAfter
        }

        /// The answer that takes the operation's place; nil for the kinds that let it happen.
        func answer(errorObject: (Refusal) -> JSON) -> HTTPAnswer? {
            let scripted = Array((body ?? "").utf8)
            var answer = HTTPAnswer(status: status ?? 200, headers: [("Content-Type", contentType)], body: scripted)
            switch kind {
            case .delay, .drip, .truncate:
                return nil
            case .reset:
                return HTTPAnswer(status: 0, delivery: .reset)
            case .body:
                break
            case .status:
                answer.status = status ?? 503
                if body == nil { answer = .message("Scripted by the sandbox", status: answer.status) }
            case .rateLimit:
                let refusal = Refusal(status: 429, code: "rate_limit", message: "Too many requests", kind: .rateLimit)
                answer = .json(errorObject(refusal), status: 429)
                answer.headers.append(("Retry-After", retryAfter ?? "1"))
            }
            answer.headers += headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            return answer
        }

        var delivery: HTTPAnswer.Delivery {
            switch kind {
            case .delay: .delayed(seconds: min(max(seconds ?? 1, 0), Self.maximumSeconds))
            case .drip: .drip(seconds: min(max(seconds ?? 0.05, 0), Self.maximumSeconds))
            case .truncate: .truncated
            case .reset: .reset
            case .status, .rateLimit, .body: .whole
            }
        }
    }
}
