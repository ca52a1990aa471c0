import Foundation

/// Sends the calls of the contract with the customer's credential, and again where the contract allows it.
struct Service: Sendable {
    /// The most bytes that an answer may have.
    static let longestAnswer = 16_777_216
    /// The seconds within which an answer begins, and then within which it is whole.
    static let deadline: TimeInterval = 60

    let transport: any Transport
    let token: ConnectClient.Token
    /// Waits so many seconds; throws when its task is cancelled.
    let sleep: @Sendable (TimeInterval) async throws -> Void
    /// A random number, near and at most 1.
    let jitter: @Sendable () -> Double

    /// Sends a call and decodes its answer.
    func answer<Answer: Decodable>(_ call: Call, as _: Answer.Type = Answer.self) async throws -> Answer {
        let (head, body) = try await data(call)
        do {
            return try Coding.decoder().decode(Answer.self, from: body)
        } catch {
            throw ConnectError(invalid: head)
        }
    }

    /// Sends a removal, once.
    func delete(_ path: String...) async throws {
        var call = Call("DELETE", path)
        call.isRepeatable = false
        let (head, _) = try await data(call)
        // The page of a captive portal is no success.
        guard head.status == 204 else { throw ConnectError(invalid: head) }
    }

    /// Sends a call, and returns the body of its success.
    private func data(_ call: Call) async throws -> (AnswerHead, Data) {
        var rule = RetryRule()
        while true {
            do {
                let (head, stream) = try await open(call)
                return (head, try await whole(stream, of: head))
            } catch let error as ConnectError {
                guard call.isRepeatable, let pause = rule.pause(after: error) else { throw error }
                try await sleep(pause)
            }
        }
    }

    /// Sends a call once, and after a 401 once more with a fresh credential.
    /// - Returns: The head and body of a success.
    func open(_ call: Call) async throws -> (AnswerHead, AsyncThrowingStream<Data, any Error>) {
        guard call.headers.values.allSatisfy(Call.isHeaderValue) else {
            throw ConnectError(.headerMalformed, detail: "An idempotency key consists of visible characters of ASCII.")
        }
        var refused: String?
        while true {
            let bearer = try await token(refused)
            try Task.checkCancellation()
            guard Call.isHeaderValue(bearer) else {
                throw ConnectError(.unauthenticated, detail: "A bearer consists of visible characters of ASCII.")
            }
            let (head, body) = try await within(Self.deadline) { try await transport.send(call, bearer: bearer) }
            if (200..<300).contains(head.status) { return (head, body) }
            let error = ConnectError(head, body: try await whole(body, of: head))
            guard head.status == 401, refused == nil else { throw error }
            refused = bearer
        }
    }

    private func whole(_ stream: AsyncThrowingStream<Data, any Error>, of head: AnswerHead) async throws -> Data {
        try await within(Self.deadline) {
            var body = Data()
            for try await chunk in stream {
                body.append(chunk)
                guard body.count <= Self.longestAnswer else { throw ConnectError(invalid: head) }
            }
            return body
        }
    }

    private func within<Value: Sendable>(
        _ deadline: TimeInterval, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await work() }
            group.addTask {
                try await sleep(deadline)
                return nil
            }
            guard let value = try await group.next() ?? nil else {
                throw ConnectError(.networkError, detail: "The answer was not whole in time.")
            }
            return value
        }
    }
}

/// The JSON of the contract.
enum Coding {
    static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let text = try decoder.singleValueContainer().decode(String.self)
            guard let date = date(text) else {
                throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no time"))
            }
            return date
        }
        return decoder
    }

    static func encode(_ body: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(text(date))
        }
        return try encoder.encode(body)
    }

    /// A time of RFC 3339 in UTC, with milliseconds where it has any.
    static func text(_ date: Date) -> String {
        let formatter = ISO8601DateFormatter()
        let isWhole = date.timeIntervalSince1970.rounded() == date.timeIntervalSince1970
        if !isWhole { formatter.formatOptions.insert(.withFractionalSeconds) }
        return formatter.string(from: date)
    }

    static func date(_ text: String) -> Date? {
        let formatter = ISO8601DateFormatter()
        if let date = formatter.date(from: text) { return date }
        formatter.formatOptions.insert(.withFractionalSeconds)
        return formatter.date(from: text)
    }
}
