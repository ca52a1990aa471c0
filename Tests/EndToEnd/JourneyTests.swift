import Testing

/// What customers do, from mint to the tariff in the app, over real sockets, against a sandbox that follows the
/// documents to the letter and against one that has upstream's known oddities.
@Suite(.serialized) struct JourneyTests {
    static let modes = ["strict", "odd"]

    @Test(arguments: modes)
    func `manual FIXED`(mode: String) async throws {
        try await DevProcess.run(mode: mode) { dev in
            let customer = try await Customer.mints(dev)
            _ = try await customer.givesAddress()
            #expect(try await customer.session()["state"] == "active")
            try await customer.namesProvider(structure: "FIXED", expecting: "rate_fixed_capture")
            let refused = try await customer.call("rate_fixed_capture", data: ["cost": 0])
            #expect(refused["code"] == "cost_value_zero")
            #expect(refused["request_id"]?.text?.isEmpty == false)
            try await customer.answers("rate_fixed_capture", data: ["cost": 0.2345], expecting: "tariff_summary")

            #expect(try await customer.leaves("tariff_summary") == "connected")
            let session = try await customer.session()
            #expect(session["state"] == "connected")
            #expect(session["price_available"] == true)
            #expect(session["ended_at"]?.text != nil)
            let tariffs = try await customer.tariffs()
            #expect(tariffs.count == 1)
            #expect(tariffs.first?["connection_type"] == "MANUAL")
            #expect(try await customer.tariffs("&direction=EXPORT").isEmpty)
            #expect(try await customer.locations() == [try await customer.location()])
            let prices = try await customer.prices()
            #expect(prices.status == 200)
            #expect(try prices.json["data"]?.items.isEmpty == false)
            #expect(try await customer.call("session_start")["code"] == "connect_token_used")
        }
    }

    @Test(arguments: modes)
    func `manual TIME_OF_DAY`(mode: String) async throws {
        try await DevProcess.run(mode: mode) { dev in
            let customer = try await Customer.mints(dev)
            _ = try await customer.givesAddress()
            try await customer.namesProvider(structure: "TIME_OF_DAY", expecting: "rate_tod_capture")
            let day: JSONValue = ["cost": 0.31, "valid_from": "07:00:00", "valid_to": "23:00:00"]
            let night: JSONValue = ["cost": 0.12, "valid_from": "23:00:00", "valid_to": "07:00:00"]
            #expect(try await customer.call("rate_tod_capture", data: ["hours": [day]])["object"] == "error")
            try await customer.answers("rate_tod_capture", data: ["hours": [day, night]], expecting: "tariff_summary")
            #expect(try await customer.leaves("tariff_summary") == "connected")
            #expect(try await customer.tariffs().count == 1)
        }
    }

    @Test(arguments: modes)
    func `MARKET with surcharge`(mode: String) async throws {
        try await DevProcess.run(mode: mode) { dev in
            let customer = try await Customer.mints(dev)
            _ = try await customer.givesAddress()
            try await customer.namesProvider(structure: "MARKET", expecting: "surcharge_capture")
            try await customer.answers(
                "surcharge_capture", data: ["surcharge": ["fixed": 0.02, "percentage": 5]], expecting: "tariff_summary")
            #expect(try await customer.leaves("tariff_summary") == "connected")
            #expect(try await customer.tariffs().first?["market_rates"] == true)
        }
    }

    @Test(arguments: modes)
    func `MARKET where the region is not clear`(mode: String) async throws {
        try await DevProcess.run(mode: mode) { dev in
            let customer = try await Customer.mints(dev)
            _ = try await customer.givesAddress([
                "address_line1": "1 Cours", "city": "Ajaccio", "post_code": "20000", "country_code": "FR",
            ])
            try await customer.namesProvider(structure: "MARKET", expecting: "region_select")
            try await customer.answers("region_select", data: ["region": "CORS"], expecting: "surcharge_capture")
            try await customer.answers(
                "surcharge_capture", data: ["surcharge": ["fixed": 0, "percentage": 0]], expecting: "tariff_summary")
            #expect(try await customer.leaves("tariff_summary") == "connected")
            #expect(try await customer.tariffs().count == 1)
        }
    }

    @Test(arguments: modes)
    func `library tariff, with the optional pages`(mode: String) async throws {
        try await DevProcess.run(mode: mode) { dev in
            let customer = try await Customer.mints(
                dev,
                [
                    "postal_address": Self.address(line: "5 Mall"),
                    "options": ["contract_term_capture": true], "app": "ios", "return_url": "myapp://tariff/done",
                ])
            let providers = try await customer.starts(expecting: "provider_select")
            let library = try await customer.chooses(
                "Loch & Lantern Power", on: providers, expecting: "tariff_select")
            let id = try #require(library["data"]?["tariffs"]?.items.first?["id"])
            try await customer.answers(
                "tariff_select", data: ["tariff": ["id": id]], expecting: "contract_term_capture")
            // The web app's "skip" sends neither data nor action (upstream.md §4.1).
            try await customer.answers("contract_term_capture", expecting: "tariff_summary")
            #expect(try await customer.leaves("tariff_summary") == "connected")
            #expect(try await customer.tariffs().first?["connection_type"] == "LIBRARY")
        }
    }

    @Test(arguments: modes)
    func `provider login by redirect`(mode: String) async throws {
        try await DevProcess.run(mode: mode) { dev in
            let customer = try await Customer.mints(dev)
            let providers = try await customer.givesAddress()
            let redirect = try await customer.chooses(
                "Brackenfield Energy", on: providers, expecting: "session_redirect")
            #expect(try await customer.session()["state"] == "active")
            try await customer.logsIn(at: redirect, as: "maria")
            _ = try await customer.starts(expecting: "tariff_summary")
            #expect(try await customer.leaves("tariff_summary") == "connected")
            #expect(try await customer.tariffs().first?["connection_type"] == "DIRECT")
        }
    }

    @Test(arguments: modes)
    func `edit, then disconnect, of an existing location`(mode: String) async throws {
        try await DevProcess.run(mode: mode) { dev in
            let first = try await Self.connected(dev)
            let location = try await first.location()

            // Looking and closing changes nothing: the tariff is connected.
            let viewer = try await Customer.mints(dev, ["location_id": .text(location)])
            _ = try await viewer.starts(expecting: "tariff_summary")
            #expect(try await viewer.leaves("tariff_summary") == "connected")

            let editor = try await Customer.mints(dev, ["location_id": .text(location), "action": "edit"])
            let providers = try await editor.starts(expecting: "provider_select")
            let library = try await editor.chooses("Loch & Lantern Power", on: providers, expecting: "tariff_select")
            let id = try #require(library["data"]?["tariffs"]?.items.first?["id"])
            try await editor.answers("tariff_select", data: ["tariff": ["id": id]], expecting: "tariff_summary")
            #expect(try await editor.leaves("tariff_summary") == "connected")
            #expect(try await editor.location() == location)
            #expect(try await editor.tariffs().map { $0["connection_type"] } == ["LIBRARY"])

            let leaver = try await Customer.mints(dev, ["location_id": .text(location)])
            _ = try await leaver.starts(expecting: "tariff_summary")
            #expect(try await leaver.leaves("tariff_summary", action: "DISCONNECT") == "disconnected")
            #expect(try await leaver.session()["state"] == "disconnected")
            #expect(try await leaver.session()["price_available"] == false)
            #expect(try await leaver.tariffs().isEmpty)
            let prices = try await leaver.prices()
            #expect(prices.status == 422)
            #expect(try prices.json["code"] == "no_tariff_connected")
        }
    }

    @Test(arguments: modes)
    func `disconnect without a page`(mode: String) async throws {
        try await DevProcess.run(mode: mode) { dev in
            let location = try await Self.connected(dev).location()
            let leaver = try await Customer.mints(dev, ["location_id": .text(location), "action": "disconnect"])
            let page = try await leaver.starts(expecting: "session_redirect")
            #expect(try await leaver.arrives(at: page) == "disconnected")
            #expect(try await leaver.tariffs().isEmpty)
        }
    }

    @Test(arguments: modes)
    func `add export and close half-way`(mode: String) async throws {
        try await DevProcess.run(mode: mode) { dev in
            let location = try await Self.connected(dev).location()
            let adder = try await Customer.mints(dev, ["location_id": .text(location), "direction": "EXPORT"])
            _ = try await adder.starts(expecting: "provider_select")
            #expect(try await adder.leaves("provider_select") == "abandoned")
        }
    }

    @Test(arguments: modes)
    func `pending, then finished`(mode: String) async throws {
        try await DevProcess.run(mode: mode) { dev in
            let customer = try await Self.pending(dev)
            #expect(try await customer.leaves("tariff_connection_pending") == "pending")
            _ = try await dev.control("POST", "/pending/finish", ["connect_token": .text(customer.token)])
            // Flatpeak's event may just have made the service ask, before the provider answered.
            try await eventually(within: .seconds(5)) { try await customer.session()["state"] == "connected" }
            #expect(try await customer.tariffs().count == 1)
        }
    }

    @Test(arguments: modes)
    func `pending, then failed`(mode: String) async throws {
        try await DevProcess.run(mode: mode) { dev in
            let customer = try await Self.pending(dev)
            #expect(try await customer.leaves("tariff_connection_pending") == "pending")
            _ = try await dev.control("POST", "/pending/fail", ["connect_token": .text(customer.token)])
            // Flatpeak's event may just have made the service ask, before the provider answered.
            try await eventually(within: .seconds(5)) { try await customer.session()["state"] == "failed" }
        }
    }

    @Test(arguments: modes)
    func `failed`(mode: String) async throws {
        try await DevProcess.run(mode: mode) { dev in
            let customer = try await Customer.mints(dev)
            let providers = try await customer.givesAddress()
            let redirect = try await customer.chooses(
                "Brackenfield Energy", on: providers, expecting: "session_redirect")
            try await customer.logsIn(at: redirect, as: "fail-maria")
            _ = try await customer.starts(expecting: "tariff_connection_failed")
            #expect(try await customer.leaves("tariff_connection_failed") == "failed")
            #expect(try await customer.status()["commodity_import"]?["status"]?.text?.hasPrefix("ERROR") == true)
            #expect(try await customer.tariffs().allSatisfy { $0["status"]?.text?.hasPrefix("CONNECTED") != true })
        }
    }

    @Test(arguments: modes)
    func `close without connecting, come back, and connect`(mode: String) async throws {
        try await DevProcess.run(mode: mode) { dev in
            let customer = try await Customer.mints(dev)
            _ = try await customer.givesAddress()
            #expect(try await customer.leaves("provider_select") == "abandoned")
            let session = try await customer.session()
            #expect(session["state"] == "abandoned")
            #expect(session["location_id"] == nil)

            _ = try await customer.starts(expecting: "provider_select")
            #expect(try await customer.session()["state"] == "active")
            try await customer.namesProvider(structure: "FIXED", expecting: "rate_fixed_capture")
            try await customer.answers("rate_fixed_capture", data: ["cost": 0.2345], expecting: "tariff_summary")
            #expect(try await customer.leaves("tariff_summary") == "connected")
        }
    }

    // MARK: - Beginnings that journeys share

    private static func address(line: String) -> JSONValue {
        ["address_line1": .text(line), "city": "London", "post_code": "WC2N 5EH", "country_code": "GB"]
    }

    /// A customer whose manual tariff is connected and who has left.
    private static func connected(_ dev: DevProcess) async throws -> Customer {
        let customer = try await Customer.mints(dev, ["postal_address": address(line: "1 Strand")])
        _ = try await customer.starts(expecting: "provider_select")
        try await customer.namesProvider(structure: "FIXED", expecting: "rate_fixed_capture")
        try await customer.answers("rate_fixed_capture", data: ["cost": 0.2345], expecting: "tariff_summary")
        #expect(try await customer.leaves("tariff_summary") == "connected")
        return customer
    }

    /// A customer who logged in at a provider that does not answer at once.
    private static func pending(_ dev: DevProcess) async throws -> Customer {
        let customer = try await Customer.mints(dev)
        let providers = try await customer.givesAddress()
        let redirect = try await customer.chooses("Brackenfield Energy", on: providers, expecting: "session_redirect")
        try await customer.logsIn(at: redirect, as: "pending-maria")
        _ = try await customer.starts(expecting: "tariff_connection_pending")
        return customer
    }
}
