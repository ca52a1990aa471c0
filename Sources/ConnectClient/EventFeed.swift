import Foundation

/// The events of a stream of the service, over as many connections as it takes.
struct EventFeed {
    private let service: Service
    private var call: Call
    private var parser = EventParser()
    private var rule = ReconnectRule()
    private var stream: AsyncThrowingStream<Data, any Error>?
    private var head: AnswerHead?
    private var waiting: ArraySlice<ServerEvent> = []

    init(_ service: Service, _ call: Call) {
        self.service = service
        self.call = call
        self.call.headers["Accept"] = "text/event-stream"
        // The service sends at least a comment every 15 seconds.
        self.call.idle = 45
    }

    /// Returns the next event, as soon as there is one.
    /// - Throws: `CancellationError`, and the `ConnectError` for which the stream is not opened again.
    mutating func next() async throws -> ServerEvent {
        while true {
            try Task.checkCancellation()
            if let event = waiting.popFirst() {
                rule.succeed()
                return event
            }
            do {
                if stream == nil { try await open() }
                if let chunk = try await chunk() {
                    guard let events = parser.read(chunk) else { throw ConnectError(.invalidAnswer, status: 200) }
                    waiting = events[...]
                    continue
                }
                try await reconnect(after: nil)
            } catch let error as ConnectError {
                try await reconnect(after: error)
            }
        }
    }

    /// Decodes the data of an event.
    func decode<Value: Decodable>(_ data: Data, as _: Value.Type = Value.self) throws -> Value {
        do {
            return try Coding.decoder().decode(Value.self, from: data)
        } catch {
            throw head.map(ConnectError.init(invalid:)) ?? ConnectError(.invalidAnswer)
        }
    }

    private mutating func open() async throws {
        call.headers["Last-Event-ID"] = parser.lastEventID
        // What was not whole when the stream before broke is sent again.
        parser = EventParser(lastEventID: parser.lastEventID)
        let (head, body) = try await service.open(call)
        self.head = head
        stream = body
    }

    private func chunk() async throws -> Data? {
        guard let stream else { return nil }
        // What is left of the stream is where its last iteration ended.
        for try await chunk in stream { return chunk }
        return nil
    }

    private mutating func reconnect(after error: ConnectError?) async throws {
        stream = nil
        guard let pause = rule.pause(after: error, jitter: service.jitter()) else {
            throw error ?? ConnectError(.networkError)
        }
        try await service.sleep(pause)
    }
}
