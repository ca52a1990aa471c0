import Glibc
import NIOCore
import NIOPosix

/// A client that sends exactly the bytes that a test wants, and returns what comes back.
package actor RawClient {
    /// One answer, read by its own length or chunks.
    package struct Answer: Sendable {
        package let head: String
        package let body: String
        package var status: Int { Int(head.split(separator: " ")[1]) ?? 0 }

        /// The value of a field; nil when it is not there.
        package func field(_ name: String) -> String? {
            head.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name.lowercased() + ":") }
                .map { String($0.dropFirst(name.count + 1).drop { $0 == " " }) }
        }
    }

    /// What ended the connection before an answer was whole.
    package struct Ended: Error, Equatable {
        /// What came of it.
        package let text: String
        /// Whether it was torn down, not closed.
        package let isReset: Bool
    }

    private enum Event {
        case bytes(ByteBuffer)
        case closed
        case reset
        var isReset: Bool { if case .reset = self { true } else { false } }
    }

    private let channel: any Channel
    private var events: AsyncStream<Event>.Iterator
    private var received = ""
    private var end: Event?

    /// - Parameter receiveBuffer: What the kernel takes in for a client that does not read; nil for its own measure.
    package init(port: Int, receiveBuffer: Int? = nil) async throws {
        let (events, continuation) = AsyncStream<Event>.makeStream()
        var bootstrap = ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        if let receiveBuffer {
            bootstrap =
                bootstrap.channelOption(.socketOption(.so_rcvbuf), value: receiveBuffer)
                .channelOption(.maxMessagesPerRead, value: 1)
        }
        channel =
            try await bootstrap
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.autoRead, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(continuation))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        self.events = events.makeAsyncIterator()
    }

    package func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    package func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    /// Sends a request byte by byte, each in a packet of its own.
    package func drip(_ text: String) async throws {
        try await channel.setOption(.tcpOption(.tcp_nodelay), value: 1).get()
        for byte in text.utf8 { try await channel.writeAndFlush(ByteBuffer(bytes: [byte])) }
    }

    /// Ends the sending side.
    package func closeSending() async throws {
        try await channel.close(mode: .output)
    }

    package func close() async {
        try? await channel.close()
    }

    /// Breaks the connection off, as the death of a client does.
    package func reset() async throws {
        try await (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try? await channel.close()
    }

    /// Stops taking in what comes, or goes on.
    package func reads(_ isReading: Bool) async throws {
        try await channel.setOption(.autoRead, value: isReading).get()
        if isReading { channel.read() }
    }

    /// Takes in what comes until that many bytes have come in all, of a client that does not read by itself.
    package func takes(_ count: Int) async throws {
        while received.utf8.count < count {
            if let end { throw Ended(text: received, isReset: end.isReset) }
            channel.read()
            await receive()
        }
    }

    /// The next answer; one that is not whole when the connection ends is an error.
    package func answer() async throws -> Answer {
        while true {
            if let answer = takeAnswer() { return answer }
            if let end { throw Ended(text: received, isReset: end.isReset) }
            await receive()
        }
    }

    /// The next head alone, of an answer that has no body.
    package func head() async throws -> String {
        while true {
            if let end = received.firstRange(of: "\r\n\r\n") {
                defer { received.removeSubrange(..<end.upperBound) }
                return String(received[..<end.lowerBound])
            }
            if let end { throw Ended(text: received, isReset: end.isReset) }
            await receive()
        }
    }

    /// Waits until `text` has come, be its answer whole or not.
    package func receives(_ text: String) async throws {
        while !received.contains(text) {
            if let end { throw Ended(text: received, isReset: end.isReset) }
            await receive()
        }
    }

    /// Everything up to the end of the connection.
    package func rest() async -> (text: String, isReset: Bool) {
        while end == nil { await receive() }
        return (received, end?.isReset ?? false)
    }

    private func receive() async {
        var events = events
        let event = await events.next(isolation: self)
        self.events = events
        switch event {
        case .bytes(let bytes): received += String(buffer: bytes)
        case .closed, nil: end = .closed
        case .reset: end = .reset
        }
    }

    private func takeAnswer() -> Answer? {
        guard let gap = received.firstRange(of: "\r\n\r\n") else { return nil }
        let head = String(received[..<gap.lowerBound])
        let rest = received[gap.upperBound...]
        let answer = Answer(head: head, body: "")
        if answer.status == 100 || answer.status == 204 {
            received = String(rest)
            return answer
        }
        if answer.field("transfer-encoding") == "chunked" {
            guard let (body, after) = Self.unchunked(rest) else { return nil }
            received = String(after)
            return Answer(head: head, body: body)
        }
        guard let length = answer.field("content-length").flatMap({ Int($0) }) else {
            // The end of the connection is the body's.
            guard let end, !end.isReset else { return nil }
            received = ""
            return Answer(head: head, body: String(rest))
        }
        guard rest.utf8.count >= length,
            let after = rest.utf8.index(rest.startIndex, offsetBy: length, limitedBy: rest.endIndex)
        else { return nil }
        received = String(rest[after...])
        return Answer(head: head, body: String(rest[..<after]))
    }

    private static func unchunked(_ text: Substring) -> (String, Substring)? {
        var body = ""
        var rest = text
        while let line = rest.firstRange(of: "\r\n"), let size = Int(rest[..<line.lowerBound], radix: 16) {
            rest = rest[line.upperBound...]
            guard rest.utf8.count >= size + 2 else { return nil }
            let end = rest.utf8.index(rest.startIndex, offsetBy: size)
            body += rest[..<end]
            rest = rest[end...].dropFirst(1)
            if size == 0 { return (body, rest) }
        }
        return nil
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let events: AsyncStream<Event>.Continuation

        init(_ events: AsyncStream<Event>.Continuation) {
            self.events = events
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            events.yield(.bytes(unwrapInboundIn(data)))
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard let event = event as? ChannelEvent, event == .inputClosed else { return }
            events.yield(.closed)
            context.close(promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            events.yield(.reset)
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            events.yield(.closed)
            events.finish()
        }
    }
}
