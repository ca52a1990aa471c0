import Foundation
import Testing

/// What an app does once a tariff is connected: when to use energy, what it cost, and what changes.
@Suite struct EnergyTests {
    // MARK: - Plug in at 19:00, ready by 05:00

    static let countries: [(country: String, city: String, currency: String)] = [
        ("GB", "London", "GBP"), ("DE", "Berlin", "EUR"), ("FR", "Lyon", "EUR"), ("NL", "Utrecht", "EUR"),
        ("AU", "Sydney", "AUD"),
    ]

    @Test func `plugged in at 19 and ready by 5, 5.3 kWh at 7 kW, in five countries, from the plan to its cost`()
        async throws
    {
        try await ServeProcess.run { serve in
            for (country, city, currency) in Self.countries {
                let home = try await serve.home(
                    of: "driver-\(country)", .market,
                    at: ["city": .text(city), "country_code": .text(country)])
                let location = try await home.json("")
                #expect(location["currency_code"]?.text == currency)
                for field in ["account_id", "customer_id", "reference_id", "market_sources", "tariff_elements"] {
                    #expect(location[field] == nil, "\(country) \(field)")
                }
                try await plugsIn(home, Night(in: try #require(location["timezone"]?.text)))
            }
        }
    }

    private func plugsIn(_ home: Home, _ night: Night) async throws {
        let charger = try await home.device("charger-1")
        let plan = try await home.plan(
            [
                "device_id": .text(charger), "start_time": .text(night.start), "end_time": .text(night.end),
                "max_power": ["units": "KW", "value": 7], "energy": ["units": "KWH", "value": 5.3],
            ])
        #expect(plan["tariff"] == nil)
        #expect(plan["location_id"]?.text == home.location)
        let prices = try await Price.list(home, night)
        let planned = try #require(plan["data"]?.items.first)
        let steps = try (planned["schedule"]?.items ?? []).map { try Step($0, unit: "KW") }
        #expect(abs(steps.reduce(0) { $0 + $1.energy } - 5.3) < 0.001)
        #expect(steps.allSatisfy { $0.from >= night.from && $0.to <= night.to && $0.power <= 7.001 })
        // Brute force: the cheapest 5.3 kWh of the night.
        let cheapest = Price.cost(of: 5.3, at: 7, prices)
        let cost = try #require(plan["cost"]?["value"]?.number)
        #expect(abs(cost - cheapest) < 0.0005, "\(cost) \(cheapest)")

        let hours = try await home.json("/schedules/duration?\(night.query)&segment=LOW&duration=60")["data"]?.items
        let rows = try (hours ?? []).map { try Price($0) }
        #expect(rows.reduce(0) { $0 + $1.hours } == 1)
        let average = rows.reduce(0) { $0 + $1.value * $1.hours }
        #expect(abs(average - Price.cost(of: 1, at: 1, prices)) < 0.0005)

        // The meter's records of the charge, and what it cost.
        let batch = try await home.submits(
            steps.enumerated().map { number, step in
                [
                    "device_id": .text(charger), "units": "KWH", "value": .number(step.energy),
                    "start_time": .text(step.from.formatted(.iso8601)), "end_time": .text(step.to.formatted(.iso8601)),
                    "session_reference_id": "plug-1", "record_reference_id": .text("r-\(number)"),
                ]
            })
        #expect(batch["records_accepted"]?.number == Double(steps.count))
        #expect(batch["failed_records"]?.items == [])
        try await home.isProcessed(batch)
        let charged = try await home.json("/costs/sessions/plug-1")
        let records = charged["data"]?.items ?? []
        #expect(records.count == steps.count)
        #expect(records.allSatisfy { $0["session_reference_id"] == "plug-1" })
        #expect(abs(records.sum("energy") - 5300) < 1)
        #expect(abs(records.sum("cost") - cheapest) < 0.001)
        #expect(records.allSatisfy { $0["tariff"] == nil })
    }

    // MARK: - A price cap, and the sun

    @Test func `a price cap keeps a charge out of the dear hours`() async throws {
        try await ServeProcess.run { serve in
            let home = try await serve.home(of: "alice", .dayAndNight, at: Self.london)
            let night = try Night(in: "Europe/London")
            let cheap = try await home.json("/schedules/limit?\(night.query)&segment=LOW&absolute=0.2")
            let rows = try (cheap["data"]?.items ?? []).map { try Price($0) }
            #expect(rows.allSatisfy { abs($0.value - 0.12) < 0.00001 })
            #expect(rows.reduce(0) { $0 + $1.hours } == night.hours - 4)
            let dear = try await home.json("/schedules/limit?\(night.query)&segment=HIGH&relative=0.9")["data"]?.items
            #expect(try (dear ?? []).map { try Price($0) }.reduce(0) { $0 + $1.hours } == 4)

            let charger = try await home.device("charger-1")
            let transfer: JSONValue = [
                "device_id": .text(charger), "start_time": .text(night.start), "end_time": .text(night.end),
                "energy": ["units": "KWH", "value": 60],
            ]
            let capped = try await home.plan(transfer, cap: 0.2)
            let steps = try (capped["data"]?.items.first?["schedule"]?.items ?? []).map { try Step($0, unit: "KW") }
            #expect(steps.allSatisfy { $0.from >= night.from + 4 * 3600 })
            // Less than was asked for: what fits below the cap.
            let most = 7 * (night.hours - 4)
            #expect(abs(steps.reduce(0) { $0 + $1.energy } - most) < 0.001)
            #expect(abs((capped["cost"]?["value"]?.number ?? 0) - most * 0.12) < 0.0005)
            let free = try await home.plan(transfer)
            let all = try (free["data"]?.items.first?["schedule"]?.items ?? []).map { try Step($0, unit: "KW") }
            #expect(abs(all.reduce(0) { $0 + $1.energy } - 60) < 0.001)

            // What an hour at that time would cost; it is not kept.
            let simulated = try await home.send(
                "POST", "/costs/simulate",
                [
                    "units": "KWH", "value": 2, "start_time": .text(night.start),
                    "end_time": .text((night.from + 3600).formatted(.iso8601)), "session_reference_id": "no-charge",
                ])
            #expect(abs((try simulated.json["data"]?["cost"]?["value"]?.number ?? 0) - 0.62) < 0.00001)
            #expect(try await home.send("GET", "/costs/sessions/no-charge").status == 404)
        }
    }

    @Test func `the energy of one's own roof is counted apart, and costs nothing`() async throws {
        try await ServeProcess.run { serve in
            let home = try await serve.home(of: "chloe", .fixed, at: Self.london)
            let noon = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 / 86_400).rounded(.down) * 86_400)
            let record = { (direction: String, value: Double) -> JSONValue in
                [
                    "units": "KWH", "value": .number(value), "energy_flow_direction": "INBOUND",
                    "tariff_direction": .text(direction), "start_time": .text(noon.formatted(.iso8601)),
                    "end_time": .text((noon + 3600).formatted(.iso8601)), "session_reference_id": "noon",
                ]
            }
            try await home.isProcessed(try await home.submits([record("LOCAL", 3), record("IMPORT", 1)]))
            let own = try await home.json("/costs/sessions/noon?direction=LOCAL")
            #expect(own["tariff_direction"] == "LOCAL")
            #expect(own["data"]?.items.sum("energy") == 3000)
            #expect(own["data"]?.items.sum("cost") == 0)
            let bought = try await home.json("/costs/sessions/noon")
            #expect(bought["data"]?.items.sum("energy") == 1000)
            #expect(abs((bought["data"]?.items.sum("cost") ?? 0) - 0.2345) < 0.00001)
        }
    }

    // MARK: - The month

    @Test func `a month of records of 15 minutes is one upload, and costs what its days cost`() async throws {
        try await ServeProcess.run { serve in
            let home = try await serve.home(of: "alice", .fixed, at: Self.london)
            var calendar = Calendar(identifier: .gregorian)
            calendar.timeZone = try #require(TimeZone(identifier: "Europe/London"))
            let this = try #require(calendar.dateInterval(of: .month, for: Date()))
            let last = try #require(calendar.dateInterval(of: .month, for: this.start - 1))
            let days = try #require(calendar.range(of: .day, in: .month, for: last.start)?.count)
            let count = Int(last.duration) / 900
            let records = (0..<count).map { number -> JSONValue in
                let start = last.start + Double(number) * 900
                return [
                    "units": "WH", "value": .number(Double(100 + number % 7)),
                    "start_time": .text(start.formatted(.iso8601)),
                    "end_time": .text((start + 900).formatted(.iso8601)),
                ]
            }
            let batch = try await home.submits(records)
            #expect(batch["records_accepted"]?.number == Double(count))
            try await home.isProcessed(batch)
            let energy = (0..<count).reduce(0.0) { $0 + Double(100 + $1 % 7) }
            let window = "start_time=\(last.start.formatted(.iso8601))&end_time=\(last.end.formatted(.iso8601))"
            let daily = try await home.json("/costs?\(window)&aggregation=DAY")["data"]?.items ?? []
            #expect(daily.count == days)
            #expect(abs(daily.sum("energy") - energy) < 0.5)
            let monthly = try await home.json("/costs?\(window)&aggregation=MONTH")["data"]?.items ?? []
            #expect(monthly.count == 1)
            #expect(abs(monthly.sum("cost") - energy / 1000 * 0.2345) < 0.001)
            #expect(abs(monthly.sum("cost") - daily.sum("cost")) < 0.001)
        }
    }

    // MARK: - Corrections

    @Test func `a corrected price reaches a client that follows the location, and changes what a charge cost`()
        async throws
    {
        try await ServeProcess.run { serve in
            let home = try await serve.home(of: "alice", .fixed, at: Self.london)
            try await serve.takeDeliveries()
            let from = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 / 3600).rounded(.down) * 3600 - 86_400)
            let record: JSONValue = [
                "units": "KWH", "value": 2, "start_time": .text(from.formatted(.iso8601)),
                "end_time": .text((from + 3600).formatted(.iso8601)), "session_reference_id": "plug-1",
            ]
            try await home.isProcessed(try await home.submits([record]))
            let cost = { try await home.json("/costs/sessions/plug-1")["data"]?.items.sum("cost") ?? 0 }
            #expect(abs(try await cost() - 0.469) < 0.00001)

            let events = try await home.follows()
            _ = try await serve.control(
                "/prices/correct",
                [
                    "location_id": .text(home.location), "from": .text(from.formatted(.iso8601)),
                    "to": .text((from + 3600).formatted(.iso8601)), "value": 0.1,
                ])
            let event = try #require(try await events.next())
            #expect(event.name == "location.updated")
            #expect(event.data["location_id"]?.text == home.location)
            // The first event may be that the batch was processed.
            try await eventually { abs(try await cost() - 0.2) < 0.00001 }
            await events.stop()

            // Broken off and resumed: what was seen is not sent again, and what was missed is.
            _ = try await serve.control("/tariffs/expire", ["location_id": .text(home.location)])
            try await eventually { try await home.json("/status")["action_required"] == "reconnect" }
            let resumed = try await home.follows(after: event.id)
            let missed = [try await resumed.next(), try await resumed.next()].map { $0?.name }
            #expect(missed == ["location.updated", "tariff.action_required"])
            await resumed.stop()
        }
    }

    @Test func `an event that one node takes reaches the clients of the others, and drops what they have read`()
        async throws
    {
        try await Cluster.run(nodes: 2) { cluster in
            let first = try await cluster.nodes[0].home(of: "alice", .fixed, at: Self.london)
            let second = Home(serve: cluster.nodes[1], owner: "alice", location: first.location)
            try await cluster.nodes[0].takeDeliveries()
            let night = try Night(in: "Europe/London")
            let price = { try await second.json("/prices?\(night.query)")["data"]?.items.first?["price"]?["value"] }
            #expect(try await price() == 0.2345)
            let events = try await second.follows()
            _ = try await cluster.nodes[0].control(
                "/prices/correct",
                [
                    "location_id": .text(first.location), "from": .text(night.start), "to": .text(night.end),
                    "value": 0.5,
                ])
            #expect(try await events.next()?.name == "location.updated")
            try await eventually { try await price() == 0.5 }
            await events.stop()
        }
    }

    // MARK: - Batches

    @Test func `a bad record in the middle of a batch is named, and the others count`() async throws {
        try await ServeProcess.run { serve in
            let home = try await serve.home(of: "alice", .fixed, at: Self.london)
            _ = try await serve.control("/meters", ["refused": "bad"])
            let batch = try await home.submits(Self.records(["a", "bad-1", "c"]))
            #expect(batch["records_submitted"] == 3)
            #expect(batch["records_accepted"] == 2)
            let failed = batch["failed_records"]?.items ?? []
            #expect(failed.map { $0["record_num"] } == [1])
            #expect(failed.map { $0["record_reference_id"] } == ["bad-1"])
            try await home.isProcessed(batch)
            #expect(try await home.json("/costs/sessions/plug-1")["data"]?.items.sum("energy") == 2000)
        }
    }

    @Test func `the same batch sent twice is one effect and one answer`() async throws {
        try await ServeProcess.run { serve in
            let home = try await serve.home(of: "alice", .fixed, at: Self.london)
            let records = Self.records(["a", "b", "c"])
            let first = try await home.submits(records, key: "batch-1")
            #expect(try await home.submits(records, key: "batch-1") == first)
            #expect(try await serve.calls()["meter_interval"] == 1)
            // Another service on what this one left.
            try await serve.restart()
            #expect(try await home.submits(records, key: "batch-1") == first)
            #expect(try await serve.calls()["meter_interval"] == 1)
            let other = try await home.send(
                "PUT", "/meters/interval", .array(Self.records(["d"])), key: "batch-1")
            #expect(other.status == 422)
            try await home.isProcessed(first)
            #expect(try await home.json("/costs/sessions/plug-1")["data"]?.items.sum("energy") == 3000)
        }
    }

    /// Records of one kWh, one after the other.
    private static func records(_ references: [String]) -> [JSONValue] {
        let start = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 / 3600).rounded(.down) * 3600 - 86_400)
        return references.enumerated().map { number, reference in
            [
                "units": "KWH", "value": 1,
                "start_time": .text((start + Double(number) * 3600).formatted(.iso8601)),
                "end_time": .text((start + Double(number + 1) * 3600).formatted(.iso8601)),
                "session_reference_id": "plug-1", "record_reference_id": .text(reference),
            ]
        }
    }

    // MARK: - Many, and strangers

    @Test("a hundred owners who ask the same hour are one call for each location, and a stranger is none (S12)")
    func S12() async throws {
        try await ServeProcess.run(["BFF_LOG_LEVEL": "info"], tracing: false) { serve in
            let night = try Night(in: "Europe/London")
            let owners = 100, groups = 10
            let homes = try await withThrowingTaskGroup(of: [Home].self) { group in
                for number in 0..<groups {
                    group.addTask {
                        var homes: [Home] = []
                        for owner in stride(from: number, to: owners, by: groups) {
                            homes.append(
                                try await serve.home(
                                    of: "owner-\(owner)", .fixed,
                                    at: [
                                        "address_line1": .text("\(owner) Strand"), "city": "London",
                                        "country_code": "GB",
                                    ]))
                        }
                        return homes
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(Set(homes.map(\.location)).count == owners)
            let path = "/schedules/duration?\(night.query)&segment=LOW&duration=60"
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<groups {
                    group.addTask {
                        for index in stride(from: number, to: owners, by: groups) {
                            try await asks(homes[index], path)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await serve.calls()["schedule_duration"]?.number == Double(owners))

            let before = try await serve.calls()
            let stranger = Home(serve: serve, owner: "mallory", location: homes[0].location)
            let window = "?\(night.query)"
            for path in [
                "", "/schedules/duration\(window)&segment=LOW&duration=60",
                "/schedules/limit\(window)&segment=LOW&relative=1",
                "/costs\(window)", "/costs/sessions/plug-1", "/devices", "/events", "/meters/batches/bat_1",
            ] {
                let answer = try await stranger.send("GET", path)
                #expect(answer.status == 404, "\(path)")
            }
            for (method, path, body) in [
                ("POST", "/schedules/amount", ["max_power": ["units": "KW", "value": 7], "data": []]),
                ("POST", "/costs/simulate", Self.records(["a"])[0]),
                ("PUT", "/meters/interval", .array(Self.records(["a"]))),
                ("POST", "/devices", [:]),
            ] as [(String, String, JSONValue)] {
                let answer = try await stranger.send(method, path, body, key: "k-\(path)")
                #expect(answer.status == 404, "\(path) \(answer.text)")
            }
            #expect(try await serve.calls() == before)
        }
    }

    /// Asks at once and again, as the clients of one owner do.
    private func asks(_ home: Home, _ path: String) async throws {
        async let first = home.send("GET", path)
        async let second = home.send("GET", path)
        let statuses = [try await first.status, try await second.status, try await home.send("GET", path).status]
        #expect(statuses == [200, 200, 200])
    }

    private static let london: JSONValue = ["city": "London", "country_code": "GB"]
}
