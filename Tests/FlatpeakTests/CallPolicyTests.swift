import Core
import FoundationEssentials
import Networking
import Resilience
import TestSupport
import Testing

@testable import Flatpeak

@Suite struct CallPolicyTests {
    let start = ContinuousClock.now
    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test(
        "what is made again, by class (R7)",
        arguments: [
            (Operation.claim, CallPolicy.Result.notConnected, true), (.claim, .broken, true),
            (.claim, .answered, false),
            (.claim, .abandoned, false), (.login, .broken, true),
            (.mint, .notConnected, true), (.mint, .broken, false), (.relay, .notConnected, true),
            (.relay, .broken, false), (.tariffs, .broken, true), (.logo, .notConnected, false),
            (.logo, .broken, false),
        ])
    func R7(operation: Operation, result: CallPolicy.Result, isRepeated: Bool) throws {
        var policy = CallPolicy(epoch: start)
        for attempt in 1...2 {
            try policy.start(operation, attempt: attempt, at: start)
            let next = policy.finish(operation, attempt: attempt, result, at: start, jitter: 0.5, left: .seconds(10))
            #expect(next == (isRepeated ? .tryAgain(after: .milliseconds(50 * attempt)) : .done))
        }
        try policy.start(operation, attempt: 3, at: start)
        #expect(policy.finish(operation, attempt: 3, result, at: start, jitter: 0.5, left: .seconds(10)) == .done)
    }

    @Test("no try begins that the deadline leaves no time for (R11)")
    func R11() throws {
        var policy = CallPolicy(epoch: start)
        try policy.start(.claim, attempt: 1, at: start)
        #expect(
            policy.finish(.claim, attempt: 1, .broken, at: start, jitter: 0.5, left: .milliseconds(40)) == .done)
    }

    @Test("a stuck connect host takes no slot of a read, and its breaker is its own (R10)")
    func R10() throws {
        var policy = CallPolicy(epoch: start)
        // By users enough, since one alone cannot take them all.
        for call in 0..<Operation.BulkheadKind.relay.limit {
            try policy.start(.relay, for: CallerKey(call % 8), attempt: 1, at: start)
        }
        #expect(throws: BFFError.overloaded) { try policy.start(.relay, attempt: 1, at: start) }
        try policy.start(.claim, attempt: 1, at: start)
        for _ in 0..<5 {
            _ = policy.finish(.relay, attempt: 1, .broken, at: start, jitter: 0, left: .seconds(1))
        }
        #expect(policy.isOpen(.relay))
        #expect(!policy.isOpen(.claim))
        #expect(throws: BFFError.upstreamUnavailable(retryAfter: 4)) {
            try policy.start(.relay, attempt: 1, at: at(1))
        }
        try policy.start(.claim, attempt: 1, at: at(1))
    }

    @Test("a 429 slows down and is no failure (R9)")
    func R9() throws {
        var policy = CallPolicy(epoch: start)
        for _ in 0..<10 {
            try policy.start(.claim, attempt: 1, at: start)
        }
        for _ in 0..<10 {
            _ = policy.finish(.claim, attempt: 1, .limited(retryAfter: 7), at: start, jitter: 0, left: .seconds(9))
        }
        #expect(!policy.isOpen(.claim))
        #expect(throws: BFFError.upstreamLimited(retryAfter: 6)) { try policy.start(.claim, attempt: 1, at: at(1)) }
        try policy.start(.relay, attempt: 1, at: at(1))
        try policy.start(.claim, attempt: 1, at: at(7))
    }

    // MARK: - One bad caller (I2, I18)

    private let mallory = CallerKey("mallory")

    /// One whole call: all its tries end in `result`.
    private func call(
        _ operation: Operation, for caller: CallerKey?, _ result: CallPolicy.Result, _ policy: inout CallPolicy,
        at now: ContinuousClock.Instant
    ) throws(BFFError) -> Int {
        var attempt = 1
        while true {
            try policy.start(operation, for: caller, attempt: attempt, at: now)
            let next = policy.finish(
                operation, for: caller, attempt: attempt, result, at: now, jitter: 0, left: .seconds(10))
            guard case .tryAgain = next else { return attempt }
            attempt += 1
        }
    }

    @Test(
        "one caller whose calls always fail opens no breaker, in minutes (I2)",
        arguments: [Operation.claim, .tariffs, .mint, .relay])
    func oneCallerFails(operation: Operation) throws {
        var policy = CallPolicy(epoch: start)
        for half in 0..<600 {
            _ = try call(operation, for: mallory, .broken, &policy, at: at(Double(half) / 2))
            if half.isMultiple(of: 20) {
                _ = try call(operation, for: CallerKey("alice"), .answered, &policy, at: at(Double(half) / 2))
            }
        }
        #expect(Operation.Breaker.allCases.allSatisfy { !policy.isOpen($0) })
    }

    @Test("one caller alone opens none either, and uses up no retries of the others (I2)")
    func oneCallerAlone() throws {
        var policy = CallPolicy(epoch: start)
        var tries = 0
        for half in 0..<600 { tries += try call(.claim, for: mallory, .broken, &policy, at: at(Double(half) / 2)) }
        #expect(!policy.isOpen(.claim))
        #expect(tries < 600 + 120)
        #expect(policy.retriesLeft(at: at(300)) >= 20)
    }

    @Test("a call with its retries counts once: four calls of three tries open nothing (I2)")
    func onceForACall() throws {
        var policy = CallPolicy(epoch: start)
        for user in 0..<4 { #expect(try call(.claim, for: CallerKey(user), .broken, &policy, at: start) == 3) }
        #expect(!policy.isOpen(.claim))
        _ = try call(.claim, for: CallerKey(5), .broken, &policy, at: start)
        #expect(policy.isOpen(.claim))
        #expect(!policy.isOpen(.reads))
        #expect(!policy.isOpen(.mint))
    }

    @Test("a host that cannot be reached is the fault of no caller (R10, I2)")
    func unreachable() throws {
        var policy = CallPolicy(epoch: start)
        for _ in 0..<5 { _ = try call(.mint, for: mallory, .notConnected, &policy, at: start) }
        #expect(policy.isOpen(.mint))
        #expect(!policy.isOpen(.relay))
    }

    @Test("reads are never the probe; the probe alone closes their breaker (I2)")
    func probesOfReads() throws {
        var policy = CallPolicy(epoch: start)
        for user in 0..<5 { _ = try call(.tariffs, for: CallerKey(user), .broken, &policy, at: start) }
        #expect(throws: BFFError.upstreamUnavailable(retryAfter: 1)) {
            try policy.start(.tariffs, for: mallory, attempt: 1, at: at(60))
        }
        #expect(policy.pauseBeforeProbe(of: .reads, at: start) == .seconds(5))
        let isEarly = policy.beginProbe(of: .reads, at: at(4))
        #expect(!isEarly)
        let isDue = policy.beginProbe(of: .reads, at: at(5))
        #expect(isDue)
        policy.endProbe(of: .reads, isAlive: false, at: at(5), jitter: 0)
        #expect(policy.isOpen(.reads))
        _ = policy.beginProbe(of: .reads, at: at(10))
        policy.endProbe(of: .reads, isAlive: true, at: at(10), jitter: 0)
        #expect(!policy.isOpen(.reads))
        try policy.start(.tariffs, for: mallory, attempt: 1, at: at(10))
    }

    @Test("the mint's probe is another caller's each time (I2)")
    func probesOfMint() throws {
        var policy = CallPolicy(epoch: start)
        for user in 0..<5 { _ = try call(.mint, for: CallerKey(user), .broken, &policy, at: start) }
        _ = try call(.mint, for: mallory, .broken, &policy, at: at(5))
        #expect(throws: BFFError.upstreamUnavailable(retryAfter: 1)) {
            try policy.start(.mint, for: mallory, attempt: 1, at: at(20))
        }
        _ = try call(.mint, for: CallerKey("alice"), .answered, &policy, at: at(20))
        #expect(!policy.isOpen(.mint))
    }

    @Test("where there is one caller, its mint is the probe after a minute (I2)")
    func loneProbe() throws {
        var policy = CallPolicy(epoch: start)
        for _ in 0..<5 { _ = try call(.mint, for: mallory, .notConnected, &policy, at: start) }
        _ = try call(.mint, for: mallory, .notConnected, &policy, at: at(5))
        _ = try call(.mint, for: mallory, .answered, &policy, at: at(65))
        #expect(!policy.isOpen(.mint))
    }

    @Test("a mint's probe that finds no connection opens the breaker again at once (I2)")
    func unreachableProbe() throws {
        var policy = CallPolicy(epoch: start)
        for user in 0..<5 { _ = try call(.mint, for: CallerKey(user), .broken, &policy, at: start) }
        _ = try call(.mint, for: mallory, .notConnected, &policy, at: at(5))
        #expect(throws: BFFError.upstreamUnavailable(retryAfter: 4)) {
            try policy.start(.mint, for: CallerKey("alice"), attempt: 1, at: at(6))
        }
    }

    @Test("a failed connection of an older call does not decide the service's own probe (I2)")
    func olderCall() throws {
        var policy = CallPolicy(epoch: start)
        try policy.start(.claim, for: mallory, attempt: 1, at: start)
        for user in 0..<5 { _ = try call(.claim, for: CallerKey(user), .broken, &policy, at: start) }
        _ = policy.beginProbe(of: .claim, at: at(5))
        _ = policy.finish(.claim, for: mallory, attempt: 3, .notConnected, at: at(5), jitter: 0, left: .zero)
        policy.endProbe(of: .claim, isAlive: true, at: at(5), jitter: 0)
        #expect(!policy.isOpen(.claim))
    }

    @Test("a failure from before the breaker opened does not decide a probe (I2)")
    func lateFailure() throws {
        var policy = CallPolicy(epoch: start)
        try policy.start(.claim, for: mallory, attempt: 1, at: start)
        for user in 0..<5 { _ = try call(.claim, for: CallerKey(user), .broken, &policy, at: start) }
        _ = policy.beginProbe(of: .claim, at: at(5))
        _ = policy.finish(.claim, for: mallory, attempt: 3, .broken, at: at(5), jitter: 0, left: .zero)
        policy.endProbe(of: .claim, isAlive: true, at: at(5), jitter: 0)
        #expect(!policy.isOpen(.claim))
    }

    @Test("a caller has its share of the slots of reads (I18)")
    func shareOfReads() throws {
        var policy = CallPolicy(epoch: start)
        let share = Operation.BulkheadKind.reads.share
        for _ in 0..<share { try policy.start(.tariffs, for: mallory, attempt: 1, at: start) }
        #expect(throws: BFFError.rateLimited(retryAfter: 1)) {
            try policy.start(.claim, for: mallory, attempt: 1, at: start)
        }
        try policy.start(.claim, for: CallerKey("alice"), attempt: 1, at: start)
    }

    @Test("a 429 for one caller pauses that caller; for two, all (R9, I18)")
    func limitOfOneCaller() throws {
        var policy = CallPolicy(epoch: start)
        _ = try call(.claim, for: mallory, .limited(retryAfter: 60), &policy, at: start)
        #expect(throws: BFFError.upstreamLimited(retryAfter: 59)) {
            try policy.start(.claim, for: mallory, attempt: 1, at: at(1))
        }
        _ = try call(.claim, for: CallerKey("alice"), .answered, &policy, at: at(1))
        _ = try call(.claim, for: CallerKey("bob"), .limited(retryAfter: 7), &policy, at: at(2))
        #expect(throws: BFFError.upstreamLimited(retryAfter: 6)) {
            try policy.start(.claim, for: CallerKey("alice"), attempt: 1, at: at(3))
        }
    }

    // MARK: - Simulations: events in virtual time, each try lasting 20 ms

    struct Run {
        var sent = 0
        var succeeded = 0
        var failedSlowly = 0
        var offered = 0
    }

    /// Offers reads at a steady rate and lets `upstream` decide how each try that is sent ends.
    private func simulate(
        perSecond rate: Int, seconds: Int, upstream: (_ call: Int) -> CallPolicy.Result
    ) -> Run {
        struct Event { let at: Double, first: Double, attempt: Int, isEnd: Bool }
        var random = SystemRandomNumberGenerator()
        var policy = CallPolicy(epoch: start)
        var run = Run()
        var events = (0..<(rate * seconds)).map { call in
            let instant = Double(call) / Double(rate)
            return Event(at: instant, first: instant, attempt: 1, isEnd: false)
        }
        run.offered = events.count
        var later: [Event] = []
        var index = 0
        while index < events.count || !later.isEmpty {
            let event: Event
            if let soonest = later.indices.min(by: { later[$0].at < later[$1].at }),
                index >= events.count || later[soonest].at <= events[index].at
            {
                event = later.remove(at: soonest)
            } else {
                event = events[index]
                index += 1
            }
            guard event.isEnd else {
                do throws(BFFError) {
                    try policy.start(.claim, attempt: event.attempt, at: at(event.at))
                    later.append(Event(at: event.at + 0.02, first: event.first, attempt: event.attempt, isEnd: true))
                } catch {
                    continue
                }
                continue
            }
            run.sent += 1
            let result = upstream(run.sent)
            let next = policy.finish(
                .claim, attempt: event.attempt, result, at: at(event.at), jitter: .random(in: 0..<1, using: &random),
                left: .seconds(10 - (event.at - event.first)))
            switch next {
            case .done:
                if result == .answered {
                    run.succeeded += 1
                } else if event.at - event.first > 5 {
                    run.failedSlowly += 1
                }
            case .tryAgain(let wait):
                let seconds = Double(wait.components.attoseconds) * 1e-18 + Double(wait.components.seconds)
                later.append(
                    Event(at: event.at + seconds, first: event.first, attempt: event.attempt + 1, isEnd: false))
            }
        }
        events = []
        return run
    }

    @Test("upstream failing all calls at 500/s for a minute gets at most 1.1 times the load, and no caller hangs (R8)")
    func R8() {
        let run = simulate(perSecond: 500, seconds: 60) { _ in .broken }
        #expect(Double(run.sent) <= 1.1 * Double(run.offered))
        #expect(run.failedSlowly == 0)
    }

    @Test("one failure in ten is hidden from at least 99 % of reads (R7, R8, R10)")
    func oneInTen() {
        let run = simulate(perSecond: 25, seconds: 400) { $0.isMultiple(of: 10) ? .broken : .answered }
        #expect(Double(run.succeeded) >= 0.99 * Double(run.offered))
    }
}

@Suite struct OperationTableTests {
    @Test func `the table in the docs is the code's`() throws {
        let path = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined() + "/docs/upstream-calls.md"
        let data = try #require(FileManager.default.contents(atPath: path))
        let rows = String(decoding: data, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("| `") }
        let expected = try (0..<calls(in: .anode).count).map { row in
            let spellings = try FlatpeakVersion.allCases.map { try calls(in: $0)[row] }
            let one = try #require(spellings.last?.first).operation
            let again =
                switch one.retries {
                case .always: "whenever it failed"
                case .unsentOrRefused: "when nothing was sent, or its bearer was refused"
                case .unsent: "when nothing was sent"
                case .never: "never"
                }
            let cells = [
                "`\(one.name)`", spellings.map(spelt).joined(separator: " | "), one.host.rawValue,
                "\(one.deadline.components.seconds) s", again, one.breaker.map { "`\($0.rawValue)`" } ?? "none",
                "\(one.bulkhead.rawValue): \(one.bulkhead.limit), \(one.bulkhead.share)",
                "\(one.answerLimit >> 10) KiB",
            ]
            return "| \(cells.joined(separator: " | ")) |"
        }
        #expect(rows.map(String.init) == expected)
    }

    private func spelt(_ calls: [UpstreamCall]) -> String {
        guard !calls.isEmpty else { return "not used" }
        return calls.map { "`\($0.method) \($0.path)`".replacing("00000000", with: "DIGEST") }
            .joined(separator: ", then ")
    }

    /// Every call of a version, with its spellings in the order in which they are tried.
    private func calls(in version: FlatpeakVersion) throws -> [[UpstreamCall]] {
        let table = version.table
        let location = try #require(LocationID("ID")), event = try #require(EventID("ID"))
        let logo = try #require(LogoDigest("00000000")), device = try #require(DeviceID("ID"))
        let token = try #require(ConnectToken("TOKEN")), batch = try #require(BatchID("ID"))
        let instant = try #require(RFC3339Timestamp("2026-01-01T00:00:00Z"))
        let schedule = { (measure: ScheduleQuery.Measure) in
            try table.schedule(
                ScheduleQuery(location: location, start: .now, end: .now, segment: .low, measure: measure))
        }
        let costs = { (scope: CostQuery.Scope) in try table.costs(CostQuery(location: location, scope: scope)) }
        let record = MeterRecord(location: location, units: .watts, value: 1, start: "", end: "")
        let amount = AmountOrder(location: location, maxPower: .init(units: .watts, value: 1), transfers: [])
        let own = try #require(SessionID("ID"))
        let creation = try UpstreamCall.createLocation(LocationBody(reference_id: "", postal_address: nil))
        return [
            table.login, try table.mint(MintOrder(connectURL: "", callbackURL: "")),
            table.needsLocation ? [creation] : [], table.needsLocation ? [.locations(of: own)] : [], table.claim(token),
            table.tariffs(TariffQuery(location: location)), [table.status(of: location)],
            try table.prices(PriceQuery(location: location, start: nil, end: .now, direction: nil)),
            [.location(location)], try schedule(.duration(minutes: 1)), try schedule(.relative(1)),
            try table.schedule(amount), [try table.cost(of: record)], [try costs(.session(reference: "REFERENCE"))],
            [try costs(.interval(from: instant, to: instant, nil, of: nil))], [.meterIntervals([])],
            [.meterReadings([])], [.meterBatch(batch)], [.createDevice([])], [.devices(referencedAs: "")],
            [.device(device)], [.deleteDevice(device)], [.events([])], [.event(event)], [.keySet], [.relay],
            [.logo(logo)], [.apiProbe], [.relayProbe],
        ]
    }
}

@Suite struct RetryAfterTests {
    let now = Date(timeIntervalSince1970: 784_111_777)  // Sun, 06 Nov 1994 08:49:37 GMT

    @Test(
        "seconds or a date (R9)",
        arguments: [
            ("0", 0), ("120", 120), ("Sun, 06 Nov 1994 08:50:07 GMT", 30), ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
            ("-1", nil), ("soon", nil), ("Sun, 06 Nov 1994 08:50 GMT", nil), ("1.5", nil), ("", nil), ("+5", nil),
            ("9223372036854775807", RetryAfter.longest), ("99999999999999999999999", RetryAfter.longest),
            ("Fri, 31 Dec 9999 23:59:59 GMT", RetryAfter.longest), ("Mon, 01 Jan 0001 00:00:00 GMT", 0),
            ("Mon, 01 Jan 9223372036854775807 00:00:00 GMT", nil),
            ("Mon, 9223372036854775807 Jan 1994 00:00:00 GMT", nil),
        ] as [(String, Int?)])
    func R9(text: String, seconds: Int?) {
        #expect(RetryAfter.seconds(text, at: now) == seconds)
    }
}

@Suite struct FlatpeakVersionTests {
    let upstream = ScriptedUpstream()

    @Test("a version has actions where its mint takes them", arguments: FlatpeakVersion.allCases)
    func actions(version: FlatpeakVersion) throws {
        for action in TariffAction.allCases {
            var order = MintOrder(connectURL: "a://b", callbackURL: "c://d", location: LocationID("loc_1"))
            order.action = action
            let isTaken = (try? version.table.mint(order)) != nil
            #expect(isTaken == version.hasActions)
        }
    }

    @Test("upstream.md §2: 2024-08-24.zero has other paths and names")
    func zero() async throws {
        upstream.on("mint", .json(#"{"connect_token":"cot_1","expires_in":60}"#))
        upstream.on("claim", .json("{}"))
        upstream.on("prices", .json("{}"))
        let client = FlatpeakClient.scripted(upstream, version: .zero)
        let order = MintOrder(connectURL: "a://b", callbackURL: "c://d", direction: .importing, type: .commodity)
        _ = try await client.mint(order)
        let mint = try #require(upstream.requests("mint").first)
        #expect(mint.url == "https://api.test/connect/tariff/token")
        #expect(mint.header("flatpeak-version") == "2024-08-24.zero")
        #expect(
            mint.text
                == #"{"callback_uri":"c://d","connect_web_uri":"a://b","direction":"IMPORT","type":"COMMODITY"}"#)
        _ = try await client.claim(try #require(ConnectToken("cot_1")))
        #expect(upstream.requests("claim").first?.url == "https://api.test/connect/tariff/token?connect_token=cot_1")
        _ = try await client.prices(
            of: try #require(LocationID("loc_1")), from: nil, to: Date(timeIntervalSince1970: 0), direction: .exporting)
        #expect(
            upstream.requests("prices").first?.url
                == "https://api.test/tariffs/rates/loc_1?end_time=1970-01-01T00:00:00Z&direction=EXPORT&include_tariff=true"
        )
        var edit = order
        edit.action = .edit
        await #expect(throws: BFFError.invalidField("action", reason: .notListed)) { try await client.mint(edit) }
    }
}
