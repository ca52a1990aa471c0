package import Core
package import FoundationEssentials
import Networking
package import Resilience

// Reads and calculations about a location that is known to exist: they leave nothing behind.

extension FlatpeakClient {
    /// The longest window of a schedule, in days.
    package var longestScheduleDays: Int { settings.table.longestScheduleDays }

    /// A location, as clients may read it (upstream.md §6.2).
    package func location(_ id: LocationID, for caller: CallerKey) async throws(BFFError) -> [UInt8] {
        try settings.table.location(from: try await call(.location(id), for: caller))
    }

    /// When energy is cheap or dear (upstream.md §6.6), as clients may read it.
    /// - Throws: `noPrices` when Flatpeak says why there are none.
    package func schedule(_ query: ScheduleQuery, for caller: CallerKey) async throws(BFFError) -> TimedAnswer {
        let answer = try await priced(settings.table.schedule(query), for: caller)
        return try TimedAnswer(answer, as: .schedule(query))
    }

    /// When to move an amount of energy (upstream.md §6.6), as clients may read it.
    /// - Throws: `noPrices` when Flatpeak says why there are none.
    package func schedule(_ order: AmountOrder, for caller: CallerKey) async throws(BFFError) -> TimedAnswer {
        let answer = try await priced(settings.table.schedule(order), for: caller)
        return try TimedAnswer(answer, as: .amount(order))
    }

    /// What the energy of one record costs, which is not stored (upstream.md §6.7), as clients may read it.
    /// - Parameter own: The client's session reference behind one of Flatpeak's; `nil` for one of another owner.
    /// - Throws: `noPrices` when Flatpeak says why there are none.
    package func cost(
        of record: MeterRecord, own: (String) -> String?, for caller: CallerKey
    ) async throws(BFFError) -> [UInt8] {
        let answer = try await priced([settings.table.cost(of: record)], for: caller)
        return try AnswerShape.recordCost.answer(from: answer.bodyForClients(), own: own)
    }

    /// What energy cost (upstream.md §6.7), as clients may read it, without the rows of other owners' sessions.
    /// - Parameter own: The client's session reference behind one of Flatpeak's; `nil` for one of another owner.
    /// - Throws: `noPrices` when Flatpeak says why there are none.
    package func costs(
        _ query: CostQuery, own: (String) -> String?, for caller: CallerKey
    ) async throws(BFFError) -> [UInt8] {
        let answer = try await priced([settings.table.costs(query)], for: caller)
        return try AnswerShape.costs(query).answer(from: answer.bodyForClients(), own: own)
    }

    /// Makes a call that needs prices.
    /// - Throws: `noPrices` when Flatpeak says why there are none (upstream.md §6.3).
    func priced(_ spellings: [UpstreamCall], for caller: CallerKey?) async throws(BFFError) -> HTTPAnswer {
        do {
            return try await call(spellings, for: caller)
        } catch .upstreamRefused(status: 422, let code) {
            if let gap = (code?.text).flatMap(BFFError.PriceGap.init) { throw .noPrices(gap) }
            if code == nil, settings.table.isPendingInWords { throw .noPrices(.pendingConnect) }
            throw .upstreamRefused(status: 422, code: code)
        }
    }
}

/// An answer as clients may read it, which Flatpeak means to replace.
package struct TimedAnswer: Sendable {
    package let body: [UInt8]
    /// When Flatpeak means to have a new one.
    package let nextUpdate: Date?

    /// Takes the answer as Flatpeak gives it.
    init(_ answer: HTTPAnswer) throws(BFFError) {
        body = try answer.bodyForClients()
        nextUpdate = try Self.nextUpdate(of: answer)
    }

    init(_ answer: HTTPAnswer, as shape: AnswerShape) throws(BFFError) {
        body = try shape.answer(from: answer.bodyForClients())
        nextUpdate = try Self.nextUpdate(of: answer)
    }

    private static func nextUpdate(of answer: HTTPAnswer) throws(BFFError) -> Date? {
        struct Reply: Decodable { let next_update: String? }
        return try answer.decoded(as: Reply.self).next_update.flatMap { RFC3339Timestamp($0) }
            .map { Date(timeIntervalSince1970: Double($0.secondsSince1970)) }
    }
}
