import Foundation
import Synchronization

/// Calls at a steady rate, whatever becomes of those before: mints, relayed calls and reads in turn.
final class Load: Sendable {
    struct Counts: Sendable {
        var good = 0
        var failed: [String] = []
    }

    private let front: Front
    private let serve: ServeProcess
    private let base: String
    private let state = Mutex(Counts())
    private let tokens = Mutex<[String]>([])
    private let began = ContinuousClock.now

    var counts: Counts { state.withLock { $0 } }

    init(_ front: Front, _ serve: ServeProcess, base: String) {
        self.front = front
        self.serve = serve
        self.base = base
    }

    /// Calls for as long as `body` takes, and then waits for the answers.
    func run(perSecond rate: Int, _ body: () async throws -> Void) async throws {
        for _ in 0..<10 { await mint(user: "alice") }
        let calling = Task {
            await withDiscardingTaskGroup { group in
                let started = ContinuousClock.now
                for number in 0... {
                    try? await Task.sleep(until: started + .seconds(1) * number / rate)
                    if Task.isCancelled { break }
                    group.addTask { await Task { await self.call(number) }.value }
                }
            }
        }
        do {
            try await body()
        } catch {
            calling.cancel()
            await calling.value
            throw error
        }
        calling.cancel()
        await calling.value
    }

    private func call(_ number: Int) async {
        switch number % 4 {
        case 0: await mint(user: "user-\(number % 50)")
        case 1: await count("read") { try await $0.send("GET", "\(base)/v1/locations", headers: serve.user("alice")) }
        default:
            let token = tokens.withLock { $0[number % $0.count] }
            await count("relay") {
                try await $0.send(
                    "POST", "\(base)/", headers: [("content-type", "application/json")],
                    body: #"{"connect_token":"\#(token)","route":"session_start"}"#)
            }
        }
    }

    private func mint(user: String) async {
        await count("mint") {
            let answer = try await $0.send(
                "POST", "\(base)/v1/connect/sessions",
                headers: [("content-type", "application/json")] + serve.user(user), body: "{}")
            if let token = try answer.json["connect_token"]?.text {
                tokens.withLock { if $0.count < 20 { $0.append(token) } }
            }
            return answer
        }
    }

    private func count(_ what: String, _ send: (Front) async throws -> HTTP.Answer) async {
        do {
            let answer = try await send(front)
            state.withLock {
                if (200..<300).contains(answer.status) {
                    $0.good += 1
                } else {
                    $0.failed.append(
                        "\(what) at \(began.duration(to: .now)): \(answer.status) \(answer.text.prefix(200))")
                }
            }
        } catch {
            state.withLock { $0.failed.append("\(what) at \(began.duration(to: .now)): \(error)") }
        }
    }
}
