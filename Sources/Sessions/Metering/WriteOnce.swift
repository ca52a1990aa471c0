import Core
import Flatpeak
import FoundationEssentials
import Keys
import Logging
import Metrics
import Resilience

/// Sends writes to Flatpeak at most once, and answers a repeated one from the ledger.
struct WriteOnce: Sendable {
    private let cache: SessionCache
    private let now: @Sendable () -> Date
    private let randomBytes: @Sendable (Int) -> [UInt8]
    private let logger: Logger

    init(
        cache: SessionCache, now: @escaping @Sendable () -> Date,
        randomBytes: @escaping @Sendable (Int) -> [UInt8], logger: Logger
    ) {
        self.cache = cache
        self.now = now
        self.randomBytes = randomBytes
        self.logger = logger
    }

    /// Sends a write, unless one with the same key was begun before.
    /// - Parameters:
    ///   - key: A write without a key is sent in any case.
    ///   - send: Called at most once.
    /// - Throws: `writeOutcomeUnknown` when the write was sent and Flatpeak did not say what became of it.
    func send(
        _ request: WriteRequest, _ send: () async throws(WriteFailure) -> WriteAnswer
    ) async throws(BFFError) -> WriteAnswer {
        guard let key = request.key else {
            do throws(WriteFailure) { return try await send() } catch { throw failed(error) }
        }
        // A body of megabytes is not digested on an event loop.
        guard let digest = await runDetached({ Digest.sha256(request.body) }) else { throw .clientClosed }
        let entry = LedgerEntry(
            route: request.route, location: request.location, body: digest,
            owner: randomBytes(12).hexadecimal, startedAt: now())
        let subject = request.subject
        if let taken = try await begin(entry, as: key, of: subject) {
            let answer = try taken.answer(to: entry)
            return WriteAnswer(status: answer.status, body: answer.body)
        }
        do throws(WriteFailure) {
            let answer = try await send()
            await end(entry, as: key, of: subject, .answered(status: answer.status, body: answer.body))
            return answer
        } catch {
            switch error {
            case .refused: await remove(entry, as: key, of: subject)
            case .unknown: await end(entry, as: key, of: subject, .unknown)
            }
            throw failed(error)
        }
    }

    private func failed(_ failure: WriteFailure) -> BFFError {
        switch failure {
        case .refused(let error): return error
        case .unknown(let error):
            Counter(label: "connect_bff_writes_unknown_total").increment()
            logger.warning("the outcome of a write is not known", metadata: ["bff.why": "\(error.code)"])
            return .writeOutcomeUnknown
        }
    }

    // MARK: - The ledger

    private func begin(
        _ entry: LedgerEntry, as key: IdempotencyKey, of subject: Subject
    ) async throws(BFFError) -> LedgerEntry? {
        do throws(BFFError) {
            return try await cache.withStore { store throws(BFFError) in
                try await store.begin(entry, as: key, of: subject, at: entry.startedAt)
            }
        } catch {
            // It may be entered after all, late; and nothing was sent.
            await remove(entry, as: key, of: subject)
            throw error
        }
    }

    /// When this fails, too, a repeated write learns that the outcome is not known.
    private func end(
        _ entry: LedgerEntry, as key: IdempotencyKey, of subject: Subject, _ outcome: LedgerEntry.Outcome
    ) async {
        try? await cache.withStore { store throws(BFFError) in
            try await store.end(key, of: subject, heldBy: entry.owner, as: outcome)
        }
    }

    private func remove(_ entry: LedgerEntry, as key: IdempotencyKey, of subject: Subject) async {
        try? await cache.withStore { store throws(BFFError) in
            try await store.removeEntry(key, of: subject, heldBy: entry.owner)
        }
    }
}

/// A write to Flatpeak, as its client asks for it.
struct WriteRequest: Sendable {
    /// Method and template of the route.
    let route: String
    let location: LocationID
    let subject: Subject
    let key: IdempotencyKey?
    let body: [UInt8]
}

/// What the client of a write is answered.
package struct WriteAnswer: Sendable {
    package let status: Int
    /// JSON.
    package let body: [UInt8]
}
