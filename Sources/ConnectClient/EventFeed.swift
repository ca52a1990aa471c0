import Foundation

/// The events of a stream of the service, over as many connections as it takes.
struct EventFeed {
    private let service: Service
    private var call: Call
    private let names: Set<String>
    private var parser = EventParser()
    private var rule = ReconnectRule()
    private var stream: AsyncThrowingStream<Data, any Error>?
    private var head: AnswerHead?
    private var waiting: ArraySlice<ServerEvent> = []

    /// - Parameter names: The events to return. Later releases of the service may send others.
    init(_ service: Service, _ call: Call, names: Set<String>) {
        self.service = service
        self.call = call
        self.names = names
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
                if names.contains(event.name) { return event }
                continue
            }
            var failure: ConnectError?
            do {
                if stream == nil { try await open() }
                if let chunk = try await chunk() {
                    guard let events = parser.read(chunk) else { break }
                    waiting = events[...]
                    continue
                }
            } catch let error as ConnectError {
                failure = error
            }
            try await reconnect(after: failure)
        }
        // It would come again.
        throw invalid
    }

    /// Decodes the data of an event.
    func decode<Value: Decodable>(_ data: Data, as _: Value.Type = Value.self) throws -> Value {
        do {
            return try Coding.decoder().decode(Value.self, from: data)
        } catch {
            throw invalid
        }
    }

    private var invalid: ConnectError { head.map(ConnectError.init(invalid:)) ?? ConnectError(.invalidAnswer) }

    private mutating func open() async throws {
        call.headers["Last-Event-ID"] = parser.lastEventID.flatMap { $0.isEmpty ? nil : $0 }
        // What was not whole when the stream before broke is sent again.
        parser = EventParser(lastEventID: parser.lastEventID)
        let (head, body) = try await service.open(call)
        // Such as the page of a captive portal.
        guard head.mediaType == "text/event-stream" else { throw ConnectError(invalid: head) }
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
