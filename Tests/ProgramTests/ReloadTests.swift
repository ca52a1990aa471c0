import Core
import Flatpeak
import Foundation
import InMemoryLogging
import Logging
import Metrics
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import connect_bff

/// Values that are loaded again while the service runs.
@Suite struct ReloadTests {
    private static let failures = "connect_bff_credential_reload_failures_total"
    private let log = InMemoryLogHandler()
    private let metrics = PrometheusRegistry()

    private var logger: Logger {
        var logger = Logger(label: "test") { [log] _ in log }
        logger.logLevel = .debug
        return logger
    }

    /// Levels, messages and reasons, in order.
    private var lines: [String] {
        log.entries.map { "\($0.level): \($0.message)" + ($0.metadata["bff.why"].map { " (\($0))" } ?? "") }
    }

    /// A value whose loads and adoptions are scripted.
    private func reloaded(_ loads: [Result<String?, ReloadFailure>], adopted: Record) -> Reloaded<String> {
        let rest = Mutex(loads[...])
        return Reloaded(
            "test keys", inUse: "first", logger: logger,
            failures: Counter(label: Self.failures, factory: metrics),
            load: { (_) throws(ReloadFailure) in
                let next = rest.withLock { $0.popFirst() }
                return try next?.get() ?? nil
            },
            adopt: { (value) throws(ReloadFailure) in
                adopted.add(value)
                if value == "unusable" { throw ReloadFailure(why: "refused") }
            })
    }

    private final class Record: Sendable {
        private let values = Mutex<[String]>([])
        var all: [String] { values.withLock { $0 } }
        func add(_ value: String) { values.withLock { $0.append(value) } }
    }

    @Test func `keeps the value after a failed load, logs it once, and adopts the next good value`() async {
        let adopted = Record()
        let failure = ReloadFailure(why: "cannot be read")
        let reloaded = reloaded(
            [.failure(failure), .failure(failure), .success("second"), .failure(failure)], adopted: adopted)
        for _ in 0..<2 { await reloaded.reload(.tick) }
        #expect(reloaded.inUse == "first")
        #expect(adopted.all == [])
        await reloaded.reload(.tick)
        #expect(reloaded.inUse == "second")
        #expect(adopted.all == ["second"])
        await reloaded.reload(.hangup)
        #expect(reloaded.inUse == "second")
        let message = "cannot reload the test keys; the old ones stay in use (cannot be read)"
        #expect(
            lines == [
                "error: \(message)", "debug: \(message)", "notice: changed test keys are in use", "error: \(message)",
            ])
        #expect(metrics.text().contains("\n\(Self.failures) 3\n"))
    }

    @Test func `logs a failure for another reason again`() async {
        let reloaded = reloaded(
            [.failure(ReloadFailure(why: "missing")), .failure(ReloadFailure(why: "empty"))], adopted: Record())
        for _ in 0..<2 { await reloaded.reload(.tick) }
        #expect(lines.map { $0.hasPrefix("error: ") } == [true, true])
    }

    @Test func `retries a value that cannot be adopted, and keeps its predecessor`() async {
        let adopted = Record()
        let reloaded = reloaded(
            [.success("unusable"), .success("unusable"), .success("first"), .success("second")], adopted: adopted)
        for _ in 0..<3 { await reloaded.reload(.tick) }
        #expect(reloaded.inUse == "first")
        await reloaded.reload(.tick)
        #expect(reloaded.inUse == "second")
        #expect(adopted.all == ["unusable", "unusable", "second"])
    }

    @Test func `does not adopt a value that has not changed or is not given`() async {
        let adopted = Record()
        let reloaded = reloaded([.success("first"), .success(nil), .success("first")], adopted: adopted)
        for _ in 0..<3 { await reloaded.reload(.tick) }
        #expect(reloaded.inUse == "first")
        #expect(adopted.all == [])
        #expect(lines == [])
    }

    @Test func `adopts a secret that Kubernetes replaces behind its links`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bff-reload-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let volume = try SecretVolume(folder)
        try volume.publish(["key": Data("first".utf8)], mode: 0o440)
        let reloaded = Reloaded(
            "test keys", inUse: "first", logger: logger,
            load: { (_) throws(ReloadFailure) in
                do throws(TrustedFile.Unfit) {
                    return String(decoding: try TrustedFile("\(folder)/key").bytes, as: UTF8.self)
                } catch {
                    throw ReloadFailure(why: "\(error)")
                }
            }, adopt: { (_) throws(ReloadFailure) in })
        await reloaded.reload(.tick)
        #expect(lines == [])
        try volume.publish(["key": Data("second".utf8)], mode: 0o440)
        await reloaded.reload(.tick)
        #expect(reloaded.inUse == "second")
        // The kubelet never leaves the link dangling; a volume that is broken keeps the value.
        try volume.publish([:], mode: 0o440)
        await reloaded.reload(.tick)
        #expect(reloaded.inUse == "second")
        #expect(lines.last?.hasPrefix("error: cannot reload the test keys") == true)
    }

    @Test func `runs all reloads in order for each trigger`() async {
        let record = Record()
        let service = ReloadService(
            reloads: [{ record.add("first \($0)") }, { record.add("second \($0)") }], logger: logger)
        await service.run(triggers: Self.triggers([.tick, .hangup]))
        #expect(record.all == ["first tick", "second tick", "first hangup", "second hangup"])
    }

    static func triggers(_ all: [ReloadTrigger]) -> AsyncThrowingStream<ReloadTrigger, any Error> {
        let (triggers, trigger) = AsyncThrowingStream<ReloadTrigger, any Error>.makeStream()
        for next in all { trigger.yield(next) }
        trigger.finish()
        return triggers
    }

    // MARK: - Credentials

    private func credentials(
        of client: FlatpeakClient, _ read: @escaping @Sendable () throws(ReloadFailure) -> String
    ) -> Reloaded<Credentials> {
        ConnectService.credentials(
            Credentials(account: Secret("acc_1"), keys: [Secret("old-key-1")]), of: client, .silent
        ) { () throws(ReloadFailure) in Credentials(account: Secret("acc_1"), keys: [Secret(try read())]) }
    }

    @Test("adopts a changed secret; keeps the old one while the new one is refused, and retries (S6)")
    func S6() async throws {
        let upstream = ScriptedUpstream()
        upstream.on(
            "login",
            [
                { request in
                    let isBad = request.header("authorization") == Basic.of("bad-key-1")
                    return .success(
                        isBad ? .json("{}", status: 403) : .json(#"{"bearer_token":"b","expires_in":3600}"#))
                }
            ])
        let client = FlatpeakClient.scripted(upstream, keys: ["old-key-1"])
        // The contents of the file at each trigger.
        let contents: [String?] = ["old-key-1", "old-key-1", nil, "bad-key-1", "bad-key-1", "new-key-1", "new-key-1"]
        let reads = Mutex(contents[...])
        let credentials = credentials(of: client) { () throws(ReloadFailure) in
            guard let key = reads.withLock({ $0.popFirst() ?? nil }) else {
                throw ReloadFailure(why: "FLATPEAK_API_KEY: is empty")
            }
            return key
        }
        let service = ReloadService(reloads: [{ await credentials.reload($0) }], logger: .silent)
        await service.run(triggers: Self.triggers(contents.map { _ in .tick }))
        #expect(
            upstream.requests("login").map { $0.header("authorization") }
                == ["bad-key-1", "bad-key-1", "new-key-1"].map { Basic.of($0) })
    }

    @Test("adopts credentials that were replaced while the service started (I16)")
    func replacedAtStart() async throws {
        let upstream = ScriptedUpstream()
        upstream.on("login", [{ _ in .success(.json(#"{"bearer_token":"b","expires_in":3600}"#)) }])
        // The client was made with the old key; the file holds the new one ever since.
        let credentials = credentials(of: FlatpeakClient.scripted(upstream, keys: ["old-key-1"])) {
            () throws(ReloadFailure) in "new-key-1"
        }
        for _ in 0..<3 { await credentials.reload(.hangup) }
        #expect(upstream.requests("login").map { $0.header("authorization") } == [Basic.of("new-key-1")])
    }
}

private enum Basic {
    static func of(_ key: String) -> String {
        "Basic " + Data("acc_1:\(key)".utf8).base64EncodedString()
    }
}
