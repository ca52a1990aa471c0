import Foundation
import Testing

/// How a tariff is typed in.
enum TypedTariff {
    case fixed, dayAndNight, market

    var steps: [(String, [String: JSONValue])] {
        switch self {
        case .fixed:
            [
                ("tariff_structure_select", ["data": ["options": ["FIXED"]]]),
                ("rate_fixed_capture", ["data": ["cost": 0.2345]]),
            ]
        case .dayAndNight:
            [
                ("tariff_structure_select", ["data": ["options": ["TIME_OF_DAY"]]]),
                (
                    "rate_tod_capture",
                    [
                        "data": [
                            "hours": [
                                ["cost": 0.31, "valid_from": "07:00:00", "valid_to": "23:00:00"],
                                ["cost": 0.12, "valid_from": "23:00:00", "valid_to": "07:00:00"],
                            ]
                        ]
                    ]
                ),
            ]
        case .market:
            [
                ("tariff_structure_select", ["data": ["options": ["MARKET"]]]),
                ("surcharge_capture", ["data": ["surcharge": ["fixed": 0.02, "percentage": 5]]]),
            ]
        }
    }
}

/// A location with a tariff, and whose it is.
struct Home: Sendable {
    let serve: ServeProcess
    let owner: String
    let location: String

    func send(
        _ method: String, _ path: String, _ body: JSONValue? = nil, key: String? = nil
    ) async throws -> HTTP.Answer {
        var headers = serve.user(owner)
        if body != nil { headers.append(("content-type", "application/json")) }
        if let key { headers.append(("idempotency-key", key)) }
        return try await HTTP.send(
            method, "\(serve.url)/v1/locations/\(location)\(path)", headers: headers,
            body: try body?.bytes())
    }

    /// What is read below the location's path.
    func json(_ path: String, _ place: SourceLocation = #_sourceLocation) async throws -> JSONValue {
        let answer = try await send("GET", path)
        try #require(answer.status == 200, "\(path): \(answer.text)", sourceLocation: place)
        return try answer.json
    }

    /// Adds a device.
    /// - Returns: Its id.
    func device(_ reference: String) async throws -> String {
        let answer = try await send("POST", "/devices", ["reference_id": .text(reference)], key: "device-\(reference)")
        try #require((200...201).contains(answer.status), "\(answer.text)")
        #expect(try answer.json["reference_id"]?.text == reference)
        return try #require(try answer.json["id"]?.text)
    }

    /// A schedule by amount, of one device.
    func plan(_ transfer: JSONValue, cap: Double? = nil) async throws -> JSONValue {
        var body: [String: JSONValue] = ["max_power": ["units": "KW", "value": 7], "data": [transfer]]
        body["shaving_threshold"] = cap.map { ["absolute": .number($0)] }
        let answer = try await send("POST", "/schedules/amount", .object(body))
        try #require(answer.status == 200, "\(answer.text)")
        return try answer.json
    }

    func submits(_ records: [JSONValue], key: String? = nil) async throws -> JSONValue {
        let answer = try await send("PUT", "/meters/interval", .array(records), key: key)
        try #require((200...202).contains(answer.status), "\(answer.text)")
        return try answer.json
    }

    /// Waits until a batch is processed.
    func isProcessed(_ batch: JSONValue) async throws {
        let id = try #require(batch["id"]?.text)
        try await eventually {
            let now = try await json("/meters/batches/\(id)")
            return now["records_processed"] == now["records_accepted"]
        }
    }

    func follows(after id: String? = nil) async throws -> EventStream {
        try await EventStream(
            "\(serve.url)/v1/locations/\(location)/events",
            headers: serve.user(owner) + (id.map { [("last-event-id", $0)] } ?? []),
            names: ["location.updated", "tariff.action_required"])
    }
}

extension ServeProcess {
    /// Connects a tariff at an address.
    func home(of owner: String, _ tariff: TypedTariff, at address: JSONValue) async throws -> Home {
        let minted = try await mint(as: owner, ["postal_address": address]).json
        let id = try #require(minted["id"]?.text), token = try #require(minted["connect_token"]?.text)
        for (route, more) in Self.fixed.prefix(3) + tariff.steps {
            let page = try await relay(token, route, more)
            #expect(page.status == 200, "\(route): \(page.text)")
        }
        _ = try await relay(token, "tariff_summary", ["action": "CLOSE"])
        #expect(try await callback(token).contains("connected"))
        let location = try await get("/v1/connect/sessions/\(id)", as: owner).json["location_id"]?.text
        return Home(serve: self, owner: owner, location: try #require(location))
    }

    /// How many calls the sandbox has received, by operation, without those that the service makes by itself.
    func calls() async throws -> [String: JSONValue] {
        guard case .object(let counts) = try await control("/requests/count") else { return [:] }
        return counts.filter { !["login", "jwks", "events", "event", "claim", "status", "connect"].contains($0.key) }
    }
}

// MARK: - Times and prices

/// From 19:00 today to 05:00 tomorrow, by the clocks of a place.
struct Night {
    let from: Date
    let to: Date
    var start: String { from.formatted(.iso8601) }
    var end: String { to.formatted(.iso8601) }
    var hours: Double { to.timeIntervalSince(from) / 3600 }
    var query: String { "start_time=\(start)&end_time=\(end)" }

    init(in zone: String) throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: zone))
        let today = calendar.startOfDay(for: Date())
        let tomorrow = try #require(calendar.date(byAdding: .day, value: 1, to: today))
        from = try #require(calendar.date(bySettingHour: 19, minute: 0, second: 0, of: today))
        to = try #require(calendar.date(bySettingHour: 5, minute: 0, second: 0, of: tomorrow))
    }
}

/// A row of prices, or of a schedule by duration or limit.
struct Price {
    let from: Date
    let to: Date
    let value: Double
    var hours: Double { to.timeIntervalSince(from) / 3600 }

    init(_ row: JSONValue) throws {
        from = try (row["valid_from"] ?? row["start_time"]).instant
        to = try (row["valid_to"] ?? row["end_time"]).instant
        value = try #require((row["price"]?["value"] ?? row["price"]?["average"])?.number)
    }

    /// The prices of a night, cut to it.
    static func list(_ home: Home, _ night: Night) async throws -> [Price] {
        let rows = try await home.json("/prices?\(night.query)")["data"]?.items ?? []
        return try rows.map { try Price($0) }.map { row in
            Price(from: max(row.from, night.from), to: min(row.to, night.to), value: row.value)
        }.filter { $0.from < $0.to }
    }

    private init(from: Date, to: Date, value: Double) {
        (self.from, self.to, self.value) = (from, to, value)
    }

    /// What so many kWh cost at most so many kW, in the cheapest hours first.
    static func cost(of energy: Double, at power: Double, _ prices: [Price]) -> Double {
        var left = energy, cost = 0.0
        for price in prices.sorted(by: { $0.value < $1.value }) {
            let taken = min(left, price.hours * power)
            cost += taken * price.value
            left -= taken
        }
        return left < 1e-9 ? cost : .infinity
    }
}

/// A step of a plan.
struct Step {
    let from: Date
    let to: Date
    /// In kW.
    let power: Double
    var energy: Double { power * to.timeIntervalSince(from) / 3600 }

    init(_ row: JSONValue, unit: String) throws {
        from = try row["start_time"].instant
        to = try row["end_time"].instant
        #expect(row["power"]?["units"]?.text == unit)
        power = try #require(row["power"]?["value"]?.number)
    }
}

extension [JSONValue] {
    /// Adds up the `value` of a member of each row.
    func sum(_ name: String) -> Double { reduce(0) { $0 + ($1[name]?["value"]?.number ?? 0) } }
}

extension JSONValue? {
    /// An instant in RFC 3339, with whatever offset.
    fileprivate var instant: Date {
        get throws {
            let text = try #require(self?.text)
            return try #require(ISO8601DateFormatter().date(from: text))
        }
    }
}
