import Foundation
import Synchronization
import Testing
import UnixSignals

@testable import connect_bff

@Suite struct ShutdownTests {
    /// The steps that were taken, in order.
    private final class Record: Sendable {
        private let state = Mutex<[String]>([])
        var all: [String] { state.withLock { $0 } }
        func add(_ what: String) { state.withLock { $0.append(what) } }
    }

    private static func steps(_ record: Record) -> Shutdown.Steps {
        .init(
            announce: { record.add("announce") }, close: { record.add("close") }, exit: { record.add("exit \($0)") })
    }

    @Test("announces, closes after the drain window, and exits even if something hangs (R17)")
    func R17() async {
        let record = Record()
        let shutdown = Shutdown()
        let (signals, continuation) = AsyncStream<UnixSignal>.makeStream()
        continuation.yield(.sigterm)
        #expect(!shutdown.hasBegun)
        await shutdown.run(
            on: signals, window: .seconds(7),
            sleep: {
                #expect(shutdown.hasBegun)
                record.add("sleep \($0.components.seconds)")
                if $0 > .seconds(20) { continuation.finish() }
            }, Self.steps(record))
        #expect(record.all == ["announce", "sleep 7", "close", "sleep 22", "exit 0"])
    }

    @Test("exits at once on a second signal (R17)", arguments: [(UnixSignal.sigterm, 143), (.sigint, 130)])
    func second(signal: UnixSignal, code: Int) async {
        let record = Record()
        let (signals, continuation) = AsyncStream<UnixSignal>.makeStream()
        continuation.yield(.sigterm)
        await Shutdown().run(
            on: signals, window: .seconds(7),
            sleep: { _ in
                continuation.yield(signal)
                try await Task.sleep(for: .seconds(60))
            }, Self.steps(record))
        #expect(record.all == ["announce", "exit \(code)"])
    }

    @Test func `does not wait for a process that ends by itself`() async {
        let record = Record()
        let (signals, continuation) = AsyncStream<UnixSignal>.makeStream()
        continuation.yield(.sigterm)
        let (begun, begin) = AsyncStream<Never>.makeStream()
        let running = Task {
            await Shutdown().run(
                on: signals, window: .seconds(7),
                sleep: { _ in
                    begin.finish()
                    try await Task.sleep(for: .seconds(60))
                }, Self.steps(record))
        }
        for await _ in begun {}
        running.cancel()
        await running.value
        #expect(record.all == ["announce"])
    }

    @Test(arguments: ["path", "abstract"])
    func `notifies systemd at a path and at an abstract name`(kind: String) async throws {
        let name = "/tmp/bff-notify-\(UUID())"
        let address = kind == "path" ? name : "@\(name)"
        let receiver = try NotifySocket(address)
        Systemd.notify("READY=1", at: address)
        #expect(receiver.receive() == "READY=1")
        Systemd.notify("READY=1", at: nil)
        Systemd.notify("READY=1", at: "nowhere")
        Systemd.notify("READY=1", at: "/" + String(repeating: "x", count: 200))
        Systemd.notify("STOPPING=1", at: address)
        #expect(receiver.receive() == "STOPPING=1")
    }
}

/// The socket of a service manager.
private final class NotifySocket {
    private let descriptor: Int32
    private let path: String?

    init(_ address: String) throws {
        var name = Array(address.utf8)
        path = address.hasPrefix("/") ? address : nil
        if path == nil { name[0] = 0 }
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &target.sun_path) { unsafe $0.copyBytes(from: name) }
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        let length = socklen_t(2 + name.count)
        let isBound = unsafe withUnsafePointer(to: target) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(descriptor, $0, length) }
        }
        try #require(isBound == 0)
    }

    func receive() -> String {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    deinit {
        close(descriptor)
        if let path { try? FileManager.default.removeItem(atPath: path) }
    }
}
