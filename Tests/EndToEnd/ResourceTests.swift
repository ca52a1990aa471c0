import Foundation
import NIOCore
import NIOPosix
import Testing

/// What connections cost.
@Suite(.serialized) struct ResourceTests {
    @Test("R26: idle connections are held, each for little memory, and leave nothing behind")
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

    /// The folder of the service's process below /proc.
    private static func process(of serve: ServeProcess) throws -> String? {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.map { "/proc/\($0)" }
            .first { folder in
                guard let arguments = FileManager.default.contents(atPath: "\(folder)/cmdline"),
                    let environment = FileManager.default.contents(atPath: "\(folder)/environ")
                else { return false }
                return String(decoding: arguments, as: UTF8.self).hasSuffix("serve\u{0}")
                    && String(decoding: environment, as: UTF8.self).contains(serve.folder)
            }
    }

    private static func measure(_ process: String) throws -> (files: Int, kilobytes: Int) {
        let status = try String(contentsOfFile: "\(process)/status", encoding: .utf8)
        let resident = try #require(status.firstMatch(of: /VmRSS:\s+(\d+) kB/))
        return (
            try FileManager.default.contentsOfDirectory(atPath: "\(process)/fd").count, try #require(Int(resident.1))
        )
    }
}
