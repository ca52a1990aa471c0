import Foundation
import NIOCore
import NIOPosix
import Testing

/// Many connections at the same instant.
@Suite struct StormLoadTests {
    @Test("in a storm of connections each is served or refused with Retry-After, and nothing of it stays behind (R26)")
    func R26storm() async throws {
        let isLong = ProcessInfo.processInfo.environment["BFF_TEST_LONG"] == "1"
        let count = isLong ? 5000 : 800
        try await ServeProcess.run(tracing: false) { serve in
            let process = try #require(try ResourceTests.process(of: serve))
            try await eventually { try await HTTP.send("GET", "\(serve.url)/readyz").status == 200 }
            let before = try ResourceTests.measure(process)
            let fields = [("Host", "localhost"), ("Content-Type", "application/json"), ("Content-Length", "2")]
            // Each of a user of its own, since one alone has a share of the slots.
            let request = { @Sendable (number: Int) in
                (fields + [("Connection", "close")] + serve.user("user-\(number)"))
                    .reduce("POST /v1/connect/sessions HTTP/1.1\r\n") { "\($0)\($1.0): \($1.1)\r\n" } + "\r\n{}"
            }
            let answers = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<count {
                    group.addTask { try await Self.answer(to: request(number), at: serve.port) }
                }
                return try await group.reduce(into: []) { $0.append($1.lowercased()) }
            }
            let served = answers.count { $0.hasPrefix("http/1.1 201 ") }
            let refused = answers.count { $0.hasPrefix("http/1.1 503 ") && $0.contains("\r\nretry-after: ") }
            print("R26: of \(count) at once \(served) were served and \(refused) refused with Retry-After")
            #expect(served > 0)
            #expect(served + refused == count)
            #expect(try await serve.mint(as: "alice").status == 201)
            // Connections to Flatpeak are kept for a minute, 64 at most.
            try await eventually(within: .seconds(30)) {
                try ResourceTests.measure(process).files <= before.files + 64 + 8
            }
        }
    }

    /// Sends a request on a connection of its own.
    /// - Returns: What comes until the service closes.
    private static func answer(to request: String, at port: Int) async throws -> String {
        let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(.seconds(60))
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await connection.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request))
            return try await inbound.reduce(into: "") { $0 += String(buffer: $1) }
        }
    }
}
