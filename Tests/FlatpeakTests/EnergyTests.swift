import Core
import Foundation
import Networking
import Resilience
import TestSupport
import Testing

@testable import Flatpeak

/// Schedules, costs and the location, in the shapes of every edition.
@Suite struct EnergyTests {
    let upstream = ScriptedUpstream()
    let caller = CallerKey("alice")
    let location: LocationID
    let start: Date
    let end: Date
    let order: AmountOrder
    let record: MeterRecord

    init() throws {
        location = try #require(LocationID("loc_641b90b758fb8e6293716e40"))
        start = try Date("2026-03-01T19:00:00Z", strategy: .iso8601)
        end = try Date("2026-03-02T05:00:00Z", strategy: .iso8601)
        let device = try #require(DeviceID("dev_1"))
        order = AmountOrder(
            location: location, maxPower: .init(units: .kilowatts, value: 14), threshold: .init(absolute: 0.3),
            transfers: [
                .init(
                    device: device, direction: .importing, start: start, end: end,
                    maxPower: .init(units: .kilowatts, value: 7), energy: .init(units: .kilowattHours, value: 5.3))
            ])
        record = MeterRecord(
            location: location, units: .wattHours, value: 5300, start: "2026-03-02T01:00:00+01:00",
            end: "2026-03-02T01:45:00+01:00", flow: .inbound, tariffDirection: .importing,
            sessionReference: "\(location).charge-17", recordReference: "log-1", confidence: 1)
    }

    private func object(_ text: some StringProtocol) throws -> NSDictionary {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary)
    }

    private func object(_ body: [UInt8]) throws -> NSDictionary { try object(String(decoding: body, as: UTF8.self)) }

    /// As a client's own references come back.
    private func own(_ reference: String) -> String? {
        let parts = reference.split(separator: ".")
        return parts.count == 2 && parts[0] == location.text ? String(parts[1]) : nil
    }

    private func query(_ measure: ScheduleQuery.Measure, _ segment: PriceSegment = .low) -> ScheduleQuery {
        ScheduleQuery(
            location: location, start: start, end: end, segment: segment, measure: measure, direction: .importing)
    }

    // MARK: - Schedules

    @Test(
        "upstream.md §6.6: a schedule by duration is sent in the newer names, and read in those of each edition",
        arguments: [EnergySamples.durationAnswer, EnergySamples.olderDurationAnswer])
    func byDuration(answer: String) async throws {
        upstream.on("schedule_duration", .json(answer))
        let schedule = try await FlatpeakClient.scripted(upstream).schedule(
            query(.duration(minutes: 120)), for: caller)
        #expect(try object(schedule.body) == object(EnergySamples.durationForClients))
        #expect(schedule.nextUpdate == (try Date("2026-03-01T20:00:00Z", strategy: .iso8601)))
        let request = try #require(upstream.requests("schedule_duration").first)
        #expect(request.url == "https://api.test/schedules/duration/\(location)")
        #expect(try object(request.text) == object(EnergySamples.durationRequest))
    }

    @Test("upstream.md §6.6: a schedule by limit")
    func byLimit() async throws {
        upstream.on("schedule_limit", .json(EnergySamples.limitAnswer))
        let client = FlatpeakClient.scripted(upstream)
        let schedule = try await client.schedule(query(.relative(0.75), .high), for: caller)
        #expect(try object(schedule.body) == object(EnergySamples.limitForClients))
        #expect(schedule.nextUpdate == nil)
        _ = try await client.schedule(query(.absolute(0.2)), for: caller)
        let requests = upstream.requests("schedule_limit")
        #expect(requests.map(\.url) == Array(repeating: "https://api.test/schedules/limit/\(location)", count: 2))
        #expect(try object(requests[0].text)["relative"] as? Double == 0.75)
        #expect(try object(requests[0].text)["segment"] as? String == "HIGH")
        #expect(try object(requests[1].text)["absolute"] as? Double == 0.2)
        #expect(try object(requests[1].text)["relative"] == nil)
    }

    @Test("upstream.md §6.6: numbers are Flatpeak's own, digit for digit")
    func digits() async throws {
        upstream.on("schedule_duration", .json(EnergySamples.durationAnswer))
        let schedule = try await FlatpeakClient.scripted(upstream).schedule(
            query(.duration(minutes: 120)), for: caller)
        let text = String(decoding: schedule.body, as: UTF8.self)
        #expect(text.contains(#""average":0.07510,"#))
        #expect(text.contains(#""average":1e-1,"#))
    }

    @Test(
        "upstream.md §6.6: a schedule by amount",
        arguments: [EnergySamples.amountAnswer, EnergySamples.olderAmountAnswer])
    func byAmount(answer: String) async throws {
        upstream.on("schedule_amount", .json(answer))
        let schedule = try await FlatpeakClient.scripted(upstream).schedule(order, for: caller)
        #expect(try object(schedule.body) == object(EnergySamples.amountForClients))
        let request = try #require(upstream.requests("schedule_amount").first)
        #expect(request.url == "https://api.test/schedules/amount/\(location)")
        #expect(try object(request.text) == object(EnergySamples.amountRequest))
    }

    @Test("upstream.md §6.6: whether a schedule by amount is kept is not known, so that it is not repeated once sent")
    func amountOnce() async throws {
        upstream.on("schedule_amount", .json("{}", status: 500))
        await #expect(throws: BFFError.upstreamFailed(status: 500)) {
            try await FlatpeakClient.scripted(upstream).schedule(order, for: caller)
        }
        #expect(upstream.requests("schedule_amount").count == 1)
        upstream.on("schedule_duration", .json("{}", status: 500))
        await #expect(throws: BFFError.upstreamFailed(status: 500)) {
            try await FlatpeakClient.scripted(upstream).schedule(query(.duration(minutes: 5)), for: caller)
        }
        #expect(upstream.requests("schedule_duration").count == 3)
    }

    @Test(
        "a schedule is asked for in RFC 3339, whatever the year",
        arguments: [
            ("0001-01-01T00:00:00Z", "0001-01-02T00:00:00Z"), ("0999-12-31T00:00:00Z", "1000-01-01T00:00:00Z"),
            ("1582-10-04T00:00:00Z", "1582-10-06T00:00:00Z"), ("9999-12-31T00:00:00Z", "9999-12-31T23:55:00Z"),
        ])
    func years(start: String, end: String) async throws {
        let first = try #require(RFC3339Timestamp(start)), last = try #require(RFC3339Timestamp(end))
        let query = ScheduleQuery(
            location: location, start: Date(timeIntervalSince1970: Double(first.secondsSince1970)),
            end: Date(timeIntervalSince1970: Double(last.secondsSince1970)), segment: .low,
            measure: .duration(minutes: 60))
        #expect(query.items.first { $0.0 == "start_time" }?.1 == start)
        #expect(query.items.first { $0.0 == "end_time" }?.1 == end)
        let body = String(decoding: try JSONEncoder().encode(ScheduleBody(query)), as: UTF8.self)
        #expect(body.contains(#""start_time":"\#(start)""#))
        #expect(body.contains(#""end_time":"\#(end)""#))
    }

    @Test("a price in a query has no plus, which would be a blank", arguments: [1e16, 1e300, -1e22, 1e-7, -0.05, 0.25])
    func plainNumbers(price: Double) throws {
        let text = try #require(query(.absolute(price)).items.first { $0.0 == "absolute" }?.1)
        #expect(!text.contains("+"))
        #expect(Double(text) == price)
    }

    @Test("upstream.md §6.6: 2024-08-24.zero asks for slots")
    func zeroSchedules() async throws {
        upstream.on("schedule_duration", .json(EnergySamples.olderDurationAnswer))
        upstream.on("schedule_limit", .json(EnergySamples.limitAnswer))
        upstream.on("schedule_amount", .json(EnergySamples.olderAmountAnswer))
        let client = FlatpeakClient.scripted(upstream, version: .zero)
        let schedule = try await client.schedule(query(.duration(minutes: 120)), for: caller)
        #expect(try object(schedule.body) == object(EnergySamples.durationForClients))
        _ = try await client.schedule(query(.absolute(-0.05)), for: caller)
        let window = "start_time=2026-03-01T19:00:00Z&end_time=2026-03-02T05:00:00Z&segment=LOW"
        #expect(
            upstream.requests("schedule_duration").map(\.url) == [
                "https://api.test/slots/time/\(location)?\(window)&duration=120&direction=IMPORT"
            ])
        #expect(
            upstream.requests("schedule_limit").map(\.url) == [
                "https://api.test/slots/threshold/\(location)?\(window)&absolute=-0.05&direction=IMPORT"
            ])
        #expect(
            try object(try await client.schedule(order, for: caller).body) == object(EnergySamples.amountForClients))
        let amount = try #require(upstream.requests("schedule_amount").first)
        #expect(amount.url == "https://api.test/schedules")
        let body = try object(amount.text)
        #expect(body["location_id"] as? String == location.text)
        #expect((body["max_power"] as? NSDictionary)?["value"] as? String == "14")
        let transfer = try #require((body["data"] as? [NSDictionary])?.first)
        #expect(transfer["direction"] as? String == "IMPORT")
        #expect(transfer["tariff_direction"] == nil)
        #expect(client.longestScheduleDays == 90)
        #expect(FlatpeakClient.scripted(upstream).longestScheduleDays == 3)
    }

    @Test(
        "upstream.md §6.6: why there is no schedule is reported in Flatpeak's codes",
        arguments: BFFError.PriceGap.allCases)
    func noPrices(gap: BFFError.PriceGap) async throws {
        let answer = HTTPAnswer.json(#"{"object":"error","code":"\#(gap.rawValue)"}"#, status: 422)
        for operation in ["schedule_duration", "schedule_amount", "cost_instant", "cost_interval"] {
            upstream.on(operation, answer)
        }
        let client = FlatpeakClient.scripted(upstream)
        await #expect(throws: BFFError.noPrices(gap)) {
            try await client.schedule(query(.duration(minutes: 5)), for: caller)
        }
        await #expect(throws: BFFError.noPrices(gap)) { try await client.schedule(order, for: caller) }
        await #expect(throws: BFFError.noPrices(gap)) { try await client.cost(of: record, own: own, for: caller) }
        await #expect(throws: BFFError.noPrices(gap)) { try await client.costs(try interval(), own: own, for: caller) }
    }

    @Test(
        "upstream.md §6.6: the older version says in words that it is still connecting",
        arguments: FlatpeakVersion.allCases)
    func connecting(version: FlatpeakVersion) async throws {
        upstream.on(
            "schedule_limit", .json(#"{"message":"Connect is processing link to tariff source."}"#, status: 422))
        await #expect(
            throws: version == .zero ? BFFError.noPrices(.pendingConnect) : .upstreamRefused(status: 422, code: nil)
        ) {
            try await FlatpeakClient.scripted(upstream, version: version).schedule(query(.relative(1)), for: caller)
        }
    }

    @Test("upstream.md §6.3: 2024-08-24.zero leaves prices out unless they are asked for")
    func zeroPrices() async throws {
        upstream.on("prices", .json("{}"))
        _ = try await FlatpeakClient.scripted(upstream, version: .zero).prices(
            of: location, from: start, to: end, direction: .local)
        #expect(
            upstream.requests("prices").map(\.url) == [
                "https://api.test/tariffs/rates/\(location)?end_time=2026-03-02T05:00:00Z"
                    + "&start_time=2026-03-01T19:00:00Z&direction=LOCAL&include_tariff=true"
            ])
    }

    // MARK: - Costs

    private func interval(device: DeviceID? = nil) throws -> CostQuery {
        CostQuery(
            location: location,
            scope: .interval(
                from: try #require(RFC3339Timestamp("2026-03-01T00:00:00+01:00")),
                to: try #require(RFC3339Timestamp("2026-04-01T00:00:00+02:00")), .day, of: device),
            direction: .importing)
    }

    @Test(
        "upstream.md §6.7: the cost of a record, which is not stored",
        arguments: [
            (FlatpeakVersion.anode, EnergySamples.recordAnswer, EnergySamples.recordRequest, ""),
            (.anode, EnergySamples.olderRecordAnswer, EnergySamples.recordRequest, ""),
            (.zero, EnergySamples.olderRecordAnswer, EnergySamples.olderRecordRequest, "&include_tariff=true"),
        ])
    func costOfRecord(version: FlatpeakVersion, answer: String, sent: String, options: String) async throws {
        upstream.on("cost_instant", .json(answer))
        let cost = try await FlatpeakClient.scripted(upstream, version: version).cost(
            of: record, own: own, for: caller)
        #expect(try object(cost) == object(EnergySamples.recordForClients))
        let request = try #require(upstream.requests("cost_instant").first)
        #expect(request.url == "https://api.test/costs/instant?non_persistent=true\(options)")
        #expect(try object(request.text) == object(sent))
    }

    @Test(
        "upstream.md §6.7: costs by interval, without rows of references that are not the location's",
        arguments: [
            (FlatpeakVersion.anode, EnergySamples.costsAnswer, "tariff_direction=IMPORT"),
            (.anode, EnergySamples.olderCostsAnswer, "tariff_direction=IMPORT"),
            (.zero, EnergySamples.olderCostsAnswer, "direction=IMPORT&include_tariff=true"),
        ])
    func costs(version: FlatpeakVersion, answer: String, options: String) async throws {
        upstream.on("cost_interval", .json(answer))
        let costs = try await FlatpeakClient.scripted(upstream, version: version).costs(
            try interval(), own: own, for: caller)
        #expect(try object(costs) == object(EnergySamples.costsForClients))
        let request = try #require(upstream.requests("cost_interval").first)
        #expect(request.url == "https://api.test/costs/interval/\(location)?aggregation=DAY&\(options)")
        #expect(
            try object(request.text)
                == ["start_time": "2026-02-28T23:00:00Z", "end_time": "2026-03-31T22:00:00Z"] as NSDictionary)
    }

    @Test("upstream.md §6.7: a device's costs are asked for by its id, and say whose they are")
    func costsOfDevice() async throws {
        upstream.on("cost_interval", .json(EnergySamples.costsAnswer))
        let device = try #require(DeviceID("dev_1"))
        let costs = try object(
            try await FlatpeakClient.scripted(upstream).costs(try interval(device: device), own: own, for: caller))
        #expect(costs["device_id"] as? String == "dev_1")
        #expect(costs["location_id"] as? String == location.text)
        #expect(upstream.requests("cost_interval").first?.url.contains("/costs/interval/dev_1?") == true)
    }

    @Test("upstream.md §6.7: costs by session")
    func costsOfSession() async throws {
        upstream.on("cost_session", .json(EnergySamples.costsAnswer))
        let query = CostQuery(location: location, scope: .session(reference: "\(location).charge-17"))
        let costs = try await FlatpeakClient.scripted(upstream).costs(query, own: own, for: caller)
        #expect(try object(costs) == object(EnergySamples.costsForClients))
        let request = try #require(upstream.requests("cost_session").first)
        #expect(request.url == "https://api.test/costs/session/\(location).charge-17")
        #expect(request.body == nil)
    }

    // MARK: - Locations

    @Test(
        "upstream.md §6.2: clients read listed fields of a location alone",
        arguments: [EnergySamples.locationAnswer, EnergySamples.olderLocationAnswer])
    func fieldsOfLocation(answer: String) async throws {
        upstream.on("location", .json(answer))
        let body = try await FlatpeakClient.scripted(upstream).location(location, for: caller)
        #expect(try object(body) == object(EnergySamples.locationForClients))
        #expect(upstream.requests("location").map(\.url) == ["https://api.test/locations/\(location)"])
    }

    @Test("no answer has a connect token in it, at any depth (S1)")
    func S1() async throws {
        let hidden =
            #""x":{"connect_token":"secret-1","y":["cot_secret",{"z":"cot_secret","u":"a?fp_cot=cot_secret"}]}"#
        upstream.on("status", .json(#"{"tariff_status":{},\#(hidden)}"#))
        upstream.on("tariffs", .json(#"{"data":[],\#(hidden)}"#))
        upstream.on("prices", .json(#"{"data":[],\#(hidden)}"#))
        let client = FlatpeakClient.scripted(upstream)
        for body in [
            try await client.status(of: location).body, try await client.tariffs(TariffQuery(location: location)),
            try await client.prices(of: location, from: nil, to: end, direction: nil).body,
        ] {
            let text = String(decoding: body, as: UTF8.self)
            #expect(!text.contains("secret"))
            #expect(text.contains(#""u":"a?fp_cot=""#))
        }
    }

    // MARK: - Answers that are none

    @Test(
        "an answer that is nonsense is a typed error (S39)",
        arguments: [
            "[]", "null", "{}", "<html>", #"{"data":7}"#, #"{"data":[7]}"#, #"{"data":[{}]}"#,
            #"{"data":[{"start_time":"a"}]}"#, #"{"data":[],"data":[]}"#,
            #"{"data":[{"start_time":{"a":1},"end_time":"b"}]}"#,
            #"{"data":[{"start_time":"a","end_time":"b","energy":"# + String(repeating: "[", count: 100_000),
        ])
    func S39(body: String) async throws {
        upstream.on("schedule_limit", .json(body))
        upstream.on("cost_interval", .json(body))
        let client = FlatpeakClient.scripted(upstream)
        await #expect(throws: BFFError.upstreamInvalidAnswer) {
            try await client.schedule(query(.relative(1)), for: caller)
        }
        await #expect(throws: BFFError.upstreamInvalidAnswer) {
            try await client.costs(try interval(), own: own, for: caller)
        }
    }

    @Test func `a field of another kind is left out, not passed on`() async throws {
        upstream.on(
            "schedule_limit",
            .json(
                #"{"currency_code":{"a":1},"data":[{"start_time":"a","end_time":"b","price":[1],"tariff":{"rate":0.1}}]}"#
            )
        )
        let schedule = try await FlatpeakClient.scripted(upstream).schedule(query(.relative(1)), for: caller)
        #expect(
            String(decoding: schedule.body, as: UTF8.self)
                == #"{"object":"schedule_limit","location_id":"\#(location)","tariff_direction":"IMPORT","#
                + #""data":[{"start_time":"a","end_time":"b","price":{"average":0.1}}]}"#)
    }

    @Test func `a next update that is no date is none`() async throws {
        for text in [#""soon""#, "null", #""""#] {
            upstream.on("schedule_limit", .json(#"{"next_update":\#(text),"data":[]}"#))
            let schedule = try await FlatpeakClient.scripted(upstream).schedule(query(.relative(1)), for: caller)
            #expect(schedule.nextUpdate == nil)
        }
    }
}
