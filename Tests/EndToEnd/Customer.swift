import Foundation
import Testing

/// A customer in the Connect web app: holds a connect token, answers pages, follows redirects.
struct Customer {
    let dev: DevProcess
    let subject: String
    let sessionID: String
    let token: String

    /// Taps "connect your tariff" in the app, which opens the Connect web app.
    static func mints(
        _ dev: DevProcess, _ request: [String: JSONValue] = [:], subject: String = "alice"
    ) async throws -> Customer {
        let answer = try await dev.send(
            "POST", "/v1/connect/sessions", headers: [("x-dev-subject", subject)],
            json: .object(request.merging(["app": "web"]) { given, _ in given }))
        try #require(answer.status == 201, "\(answer.text)")
        let body = try answer.json
        #expect(body["state"] == "created")
        return Customer(
            dev: dev, subject: subject, sessionID: try #require(body["id"]?.text),
            token: try #require(body["connect_token"]?.text))
    }

    // MARK: - Pages

    /// Sends one session call, as the reference web app does (upstream.md §10).
    func call(_ route: String, action: String? = nil, data: JSONValue? = nil) async throws -> JSONValue {
        var body: [String: JSONValue] = ["connect_token": .text(token), "type": "submit", "route": .text(route)]
        body["action"] = action.map { .text($0) }
        body["data"] = data
        return try await dev.send("POST", "/", headers: [("origin", "http://localhost:7070")], json: .object(body)).json
    }

    /// The same, and the page that follows must be `expected`.
    ///
    /// An unknown page is answered with CONTINUE.
    @discardableResult
    func answers(
        _ route: String, action: String? = nil, data: JSONValue? = nil, expecting expected: String,
        _ location: SourceLocation = #_sourceLocation
    ) async throws -> JSONValue {
        var page = try await call(route, action: action, data: data)
        if page["route"] == "green_bonus_capture" { page = try await call("green_bonus_capture", action: "CONTINUE") }
        #expect(page["route"]?.text == expected, "\(page)", sourceLocation: location)
        return page
    }

    func starts(expecting expected: String, _ location: SourceLocation = #_sourceLocation) async throws -> JSONValue {
        try await answers("session_start", expecting: expected, location)
    }

    /// Gives an address and comes to the provider list.
    func givesAddress(_ address: JSONValue = Customer.london) async throws -> JSONValue {
        _ = try await starts(expecting: "postal_address_capture")
        return try await answers(
            "postal_address_capture", data: ["postal_address": address], expecting: "provider_select")
    }

    /// Says that the provider is not listed, and types its name.
    func namesProvider(structure: String, expecting expected: String) async throws {
        try await answers("provider_select", action: "PROVIDER_MISSING", expecting: "provider_name_capture")
        try await answers(
            "provider_name_capture", data: ["provider": ["name": "My Power"]], expecting: "tariff_structure_select")
        try await answers("tariff_structure_select", data: ["options": [.text(structure)]], expecting: expected)
    }

    func chooses(_ provider: String, on page: JSONValue, expecting expected: String) async throws -> JSONValue {
        let providers = page["data"]?["providers"]?.items ?? []
        let id = try #require(providers.first { $0["display_name"]?.text == provider }?["id"])
        return try await answers("provider_select", data: ["provider": ["id": id]], expecting: expected)
    }

    static let london: JSONValue = [
        "address_line1": "1-3 Strand", "city": "London", "post_code": "WC2N 5EH", "country_code": "GB",
    ]

    // MARK: - Redirects

    /// Logs in and consents at the provider that a page redirects to, and comes back to the web app.
    func logsIn(at page: JSONValue, as user: String) async throws {
        let url = try #require(page["data"]?["redirect_url"]?.text)
        let login = try await dev.send("GET", url)
        #expect(login.status == 200)
        let host = url.split(separator: "?").first.map { $0.hasSuffix("/") ? String($0.dropLast()) : String($0) } ?? ""
        let form = [("content-type", "application/x-www-form-urlencoded")]
        let fields = "fp_cot=\(token)&username=\(user)&password=x"
        #expect(try await dev.send("POST", "\(host)/login", headers: form, body: Array(fields.utf8)).status == 200)
        let back = try await dev.send(
            "POST", "\(host)/consent", headers: form, body: Array("\(fields)&decision=agree".utf8))
        #expect(back.status == 303)
        #expect(back.headers["location"]?.hasPrefix("http://localhost:7070") == true)
        #expect(back.headers["location"]?.hasSuffix("fp_cot=\(token)") == true)
    }

    /// Presses a button that ends the session and follows the redirect to the app.
    /// - Returns: The status that the app receives.
    func leaves(_ route: String, action: String = "CLOSE", _ location: SourceLocation = #_sourceLocation) async throws
        -> String
    {
        try await arrives(
            at: try await answers(route, action: action, expecting: "session_redirect", location), location)
    }

    /// Follows a page that redirects to the callback.
    func arrives(at page: JSONValue, _ location: SourceLocation = #_sourceLocation) async throws -> String {
        let callback = try #require(page["data"]?["redirect_url"]?.text, sourceLocation: location)
        #expect(callback.contains("/v1/connect/callback?fp_cot=\(token)"), sourceLocation: location)
        let answer = try await dev.send("GET", callback.replacing("localhost", with: "127.0.0.1"))
        #expect(answer.status == 303, sourceLocation: location)
        let target = try #require(answer.headers["location"], sourceLocation: location)
        #expect(target.contains("session=\(sessionID)&status="), sourceLocation: location)
        #expect(!target.contains(token), sourceLocation: location)
        return String(try #require(target.split(separator: "status=").last))
    }

    // MARK: - The app's reads

    func session(as subject: String? = nil) async throws -> JSONValue {
        try await dev.send(
            "GET", "/v1/connect/sessions/\(sessionID)", headers: [("x-dev-subject", subject ?? self.subject)]
        ).json
    }

    func location() async throws -> String {
        try #require(try await session()["location_id"]?.text)
    }

    func tariffs(_ query: String = "") async throws -> [JSONValue] {
        let answer = try await dev.send(
            "GET", "/v1/tariffs/elements?location_id=\(try await location())\(query)",
            headers: [("x-dev-subject", subject)])
        try #require(answer.status == 200, "\(answer.text)")
        #expect(!answer.text.contains("account_id"))
        return try answer.json["data"]?.items ?? []
    }

    func prices() async throws -> HTTP.Answer {
        let day = { (offset: Double) in
            Date(timeIntervalSinceNow: offset * 86400).formatted(.iso8601)
        }
        return try await dev.send(
            "GET", "/v1/locations/\(try await location())/prices?start_time=\(day(0))&end_time=\(day(1))",
            headers: [("x-dev-subject", subject)])
    }

    func locations() async throws -> [String] {
        let answer = try await dev.send("GET", "/v1/locations", headers: [("x-dev-subject", subject)])
        return try answer.json["data"]?.items.compactMap { $0["id"]?.text } ?? []
    }

    func status() async throws -> JSONValue {
        let answer = try await dev.send(
            "GET", "/v1/locations/\(try await location())/status", headers: [("x-dev-subject", subject)])
        #expect(answer.status == 200)
        return try #require(try answer.json["tariff_status"])
    }
}
