import NIOCore
import NIOPosix
import Testing

@testable import Sandbox

/// One HTTP exchange over a plain socket, read to the end of the connection.
struct RawClient {
    struct Response {
        var status = 0
        var headers: [(name: String, value: String)] = []
        var body: [UInt8] = []
        /// The connection ended with an error, as after a reset.
        var wasReset = false

        var json: JSON { (try? JSON(parsing: body)) ?? .null }
        var text: String { String(decoding: body, as: UTF8.self) }
        func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
    }

    /// - Parameter base: `http://host:port`
    static func send(
        _ method: String, _ base: String, _ target: String, headers: [(name: String, value: String)] = [],
        body: [UInt8] = []
    ) async throws -> Response {
        var request = "\(method) \(target) HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n"
        request += "Content-Length: \(body.count)\r\n"
        for (name, value) in headers { request += "\(name): \(value)\r\n" }
        let bytes = Array((request + "\r\n").utf8) + body

        let port = try #require(base.split(separator: ":").last.flatMap { Int($0) })
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        var received: [UInt8] = []
        var wasReset = false
        do {
            received = try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(bytes: bytes))
                var all: [UInt8] = []
                for try await buffer in inbound { all += buffer.readableBytesView }
                return all
            }
        } catch is IOError {
            wasReset = true
        }
        var response = parse(received)
        response.wasReset = wasReset
        return response
    }

    private static func parse(_ bytes: [UInt8]) -> Response {
        var response = Response()
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return response }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        response.status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            response.headers.append((String(parts[0]), String(parts[1].drop { $0 == " " })))
        }
        response.body = Array(bytes[end.upperBound...])
        return response
    }
}
