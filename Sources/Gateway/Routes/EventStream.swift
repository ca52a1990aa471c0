import Core
import Edge
import HTTPTypes

/// A stream of server-sent events to one listener (HTML standard, section 9.2).
struct EventStream: Sendable {
    /// A listener who left is noticed when something is sent, and proxies close what is silent.
    static let heartbeat = Duration.seconds(15)
    /// Then the listener has to ask again, with credentials that are still good.
    private static let longest = Duration.seconds(1800)

    private let writer: any BodyWriter
    private let end = ContinuousClock.now + longest

    fileprivate init(_ writer: any BodyWriter) {
        self.writer = writer
    }

    /// Whether the listener's time goes on.
    var isOpen: Bool { ContinuousClock.now < end && !Task.isCancelled }

    /// Sends an event.
    /// - Parameter json: On one line.
    func send(_ name: String, id: String, _ json: [UInt8]) async throws {
        try await writer.write(Array("id: \(id)\nevent: \(name)\ndata: ".utf8) + json + Array("\n\n".utf8))
    }

    /// Sends the id that the listener repeats when its connection breaks, and no event.
    func mark(_ id: String) async throws {
        try await writer.write(Array("id: \(id)\n\n".utf8))
    }

    /// Sends a comment, which keeps the connection open.
    func beat() async throws {
        try await writer.write(Array(":\n\n".utf8))
    }
}

extension Reply {
    /// A stream of events in a slot of its own, or its head alone where that is asked for.
    /// - Parameter run: Sends the events; throws when the listener has left.
    static func events(
        to exchange: Exchange, of subject: Subject, _ listeners: Listeners,
        _ run: @escaping @Sendable (EventStream) async throws -> Void
    ) throws(BFFError) -> Reply {
        var reply = Reply(.ok, contentType: "text/event-stream; charset=utf-8")
        // nginx would otherwise hold events back until its buffer is full.
        reply.headers[.xAccelBuffering] = "no"
        if exchange.head.method == .head { return reply }
        let slot = try listeners.enter(subject)
        reply.body = .stream { writer in
            defer { slot.leave() }
            try await writer.write(Array("retry: 2000\n\n".utf8))
            try await run(EventStream(writer))
        }
        return reply
    }
}
