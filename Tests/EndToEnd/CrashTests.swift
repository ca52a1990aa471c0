import Foundation
import Subprocess
import Synchronization
import Testing

/// What was acknowledged is there after `kill -9`.
@Suite(.serialized) struct CrashTests {
    /// What a client was told.
    private struct Acknowledged: Sendable {
        let key: String
        let subject: String
        let body: [UInt8]
    }

    private final class Acknowledgements: Sendable {
        private let all = Mutex<[Acknowledged]>([])
        var list: [Acknowledged] { all.withLock { $0 } }
        func add(_ one: Acknowledged) { all.withLock { $0.append(one) } }
    }

    @Test func `sessions and keys that were acknowledged survive SIGKILL at any moment`() async throws {
        let isLong = ProcessInfo.processInfo.environment["BFF_TEST_LONG"] == "1"
        let kills = isLong ? 50 : 5, clients = 8
        let mints = isLong ? 10_000 : 1_000
        try await ServeProcess.run(["BFF_LOG_LEVEL": "info"]) { serve in
            let acknowledged = Acknowledgements()
            for round in 0..<kills {
                let enough = mints * (round + 1) / kills
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for client in 0..<clients {
                        group.addTask {
                            for number in 0... {
                                let key = "k-\(round)-\(client)-\(number)", subject = "user-\(client)"
                                // The process is killed in the middle of some: those were not acknowledged.
                                guard let answer = try? await serve.mint(as: subject, key: key), answer.status == 201
                                else { return }
                                acknowledged.add(Acknowledged(key: key, subject: subject, body: answer.body))
                            }
                        }
                    }
                    while acknowledged.list.count < enough { await Task.yield() }
                    #expect(await serve.stop(.kill) == SIGKILL)
                    try await group.waitForAll()
                }
                try await serve.start()
            }
            let all = acknowledged.list
            #expect(all.count >= mints)
            for told in all {
                // The same bytes: session, token and all.
                let again = try await serve.mint(as: told.subject, key: told.key)
                #expect(again.body == told.body, "\(told.key)")
                let id = try #require(try JSONValue(told.body)["id"]?.text)
                #expect(try await serve.get("/v1/connect/sessions/\(id)", as: told.subject).status == 200)
            }
        }
    }
}
