import Foundation
import NIOCore
import NIOPosix
import Testing

/// What connections cost.
@Suite(.serialized) struct ResourceTests {
    @Test("idle connections are held, each for little memory, and leave nothing behind (R26)")
    func R26() async throws {
        let isLong = ProcessInfo.processInfo.environment["BFF_TEST_LONG"] == "1"
        let count = isLong ? 10_000 : 300
        // Memory is measured without what waits for a collector.
        try await ServeProcess.run(tracing: false) { serve in
            let process = try #require(try Self.process(of: serve))
            // Whatever is opened once, is.
            try await eventually { try await HTTP.send("GET", "\(serve.url)/readyz").status == 200 }
            let before = try Self.measure(process)
            var idle: [any Channel] = []
            for _ in 0..<count {
                let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .connect(host: "127.0.0.1", port: serve.port).get()
                try await channel.writeAndFlush(ByteBuffer(string: "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"))
                idle.append(channel)
            }
            try await eventually(within: .seconds(60)) { try Self.measure(process).files >= before.files + count }
            let during = try Self.measure(process)
            let each = max(0, during.kilobytes - before.kilobytes) / count
            print("R26: \(count) idle connections, \(each) KiB for each")
            #expect(each < 64, "\(each) KiB for each connection")
            // They are no reason not to serve others.
            #expect(try await HTTP.send("GET", "\(serve.url)/readyz").status == 200)
            for channel in idle { #expect(channel.isActive) }
            for channel in idle { try await channel.close() }
            try await eventually(within: .seconds(60)) { try Self.measure(process).files <= before.files + 2 }
        }
    }

    @Test("under load file descriptors stay as many, and memory as much once all is warm (R26)")
    func R26load() async throws {
        let isLong = ProcessInfo.processInfo.environment["BFF_TEST_LONG"] == "1"
        let settings = ["BFF_LOG_LEVEL": "info", "BFF_LIMIT_RELAY": "off", "BFF_LIMIT_ADDRESS": "off"]
        try await ServeProcess.run(settings) { serve in
            let process = try #require(try Self.process(of: serve))
            var tokens: [String] = []
            for _ in 0..<8 {
                tokens.append(try #require(try await serve.mint(as: "alice").json["connect_token"]?.text))
            }
            let calling = Task { [tokens] in
                await withTaskGroup(of: Void.self) { group in
                    for token in tokens { group.addTask { await Self.call(serve, token) } }
                }
            }
            defer { calling.cancel() }
            let warm = try await Self.watch(process, for: .seconds(isLong ? 120 : 3))
            print("R26: once warm \(warm)")
            var parts: [(files: Int, kilobytes: Int)] = []
            for _ in 0..<(isLong ? 10 : 1) {
                parts.append(try await Self.watch(process, for: .seconds(isLong ? 60 : 3)))
                print("R26: then \(parts[parts.count - 1])")
            }
            let first = try #require(parts.first), last = try #require(parts.last)
            // Each of the callers has a connection of its own at times, and one to Flatpeak; thousands of calls were made.
            #expect(abs(last.files - warm.files) <= 16, "file descriptors: \(warm.files), then \(last.files)")
            if isLong { #expect(Double(last.kilobytes) <= Double(first.kilobytes) * 1.01, "\(parts)") }
        }
    }

    /// Calls again and again, until the task is cancelled: on connections that are kept, and on ones of their own.
    private static func call(_ serve: ServeProcess, _ token: String) async {
        while !Task.isCancelled {
            _ = try? await serve.relay(token, "session_start")
            _ = try? await serve.get("/v1/locations", as: "alice")
            _ = try? await HTTP.send("GET", "\(serve.url)/livez", headers: [("connection", "close")])
        }
    }

    /// Measures ten times a second.
    /// - Returns: The median of each.
    private static func watch(_ process: String, for time: Duration) async throws -> (files: Int, kilobytes: Int) {
        var all: [(files: Int, kilobytes: Int)] = []
        let end = ContinuousClock.now + time
        while ContinuousClock.now < end {
            all.append(try measure(process))
            try await Task.sleep(for: .milliseconds(100))
        }
        return (all.map(\.files).sorted()[all.count / 2], all.map(\.kilobytes).sorted()[all.count / 2])
    }

    /// The folder of the service's process below /proc.
    static func process(of serve: ServeProcess) throws -> String? {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.map { "/proc/\($0)" }
            .first { folder in
                guard let arguments = FileManager.default.contents(atPath: "\(folder)/cmdline"),
                    let environment = FileManager.default.contents(atPath: "\(folder)/environ")
                else { return false }
                return String(decoding: arguments, as: UTF8.self).hasSuffix("serve\u{0}")
                    && String(decoding: environment, as: UTF8.self).contains(serve.folder)
            }
    }

    static func measure(_ process: String) throws -> (files: Int, kilobytes: Int) {
        let status = try String(contentsOfFile: "\(process)/status", encoding: .utf8)
        let resident = try #require(status.firstMatch(of: /VmRSS:\s+(\d+) kB/))
        return (
            try FileManager.default.contentsOfDirectory(atPath: "\(process)/fd").count, try #require(Int(resident.1))
        )
    }
}
