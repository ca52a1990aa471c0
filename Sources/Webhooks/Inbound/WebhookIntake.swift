import Core
import Resilience
import Sessions
import Synchronization

/// Persists incoming events in the inbox.
///
/// Events that arrive during a write share the next write, so that a burst costs a few syncs of the disk.
final class WebhookIntake: Sendable {
    private struct State {
        var line: [(number: Int, event: ReceivedEvent)] = []
        var number = 0
        /// The outcome for callers that still wait.
        var waiting: [Int: Result<Receipt, BFFError>?] = [:]
    }

    /// Events of one write.
    private static let batch = 500

    private let inbox: any Inbox
    private let clock: any Clock<Duration>
    private let timeout: Duration
    private let state = Mutex(State())
    private let writes = CoalescedTask<Void>()

    /// - Parameters:
    ///   - clock: Times senders out.
    ///   - timeout: How long a sender waits for the disk.
    init(inbox: any Inbox, clock: any Clock<Duration>, timeout: Duration) {
        self.inbox = inbox
        self.clock = clock
        self.timeout = timeout
    }

    /// Keeps an event, and returns when it is durable.
    /// - Throws: `storeUnavailable` when that is not so in time; it may be kept later all the same.
    func receive(_ event: ReceivedEvent) async throws(BFFError) -> Receipt {
        let number = state.withLock { state in
            state.number += 1
            state.line.append((state.number, event))
            state.waiting[state.number] = .some(nil)
            return state.number
        }
        defer {
            state.withLock { state in
                state.waiting[number] = nil
                state.line.removeAll { $0.number == number }
            }
        }
        let result: Result<Receipt, BFFError>?
        do {
            result = try await withDeadline(timeout, clock: clock) { [self] in
                while true {
                    if let result = state.withLock({ $0.waiting[number] ?? nil }) { return result }
                    // A write that began before may lack this event; the next write has it.
                    guard await writes.value({ [self] in await write() }) != nil else { return nil }
                }
            }
        } catch {
            throw .storeUnavailable
        }
        guard let result else { throw .clientClosed }
        return try result.get()
    }

    private func write() async {
        let batch = state.withLock { state in
            defer { state.line.removeFirst(min(Self.batch, state.line.count)) }
            return Array(state.line.prefix(Self.batch))
        }
        guard !batch.isEmpty else { return }
        let results: [Result<Receipt, BFFError>]
        do throws(BFFError) {
            results = try await inbox.receive(batch.map(\.event)).map { .success($0) }
        } catch {
            results = batch.map { _ in .failure(error) }
        }
        state.withLock { state in
            for (arrival, result) in zip(batch, results) where state.waiting[arrival.number] != nil {
                state.waiting[arrival.number] = result
            }
        }
    }
}
