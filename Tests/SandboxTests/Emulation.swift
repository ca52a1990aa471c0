import FoundationEssentials
import Testing

@testable import Sandbox

/// A world without sockets: requests go straight to its hosts, at a time that stands still.
struct Emulation {
    var world: World
    var now: Date
    var bearer = ""
    /// The session that `submit`, `act` and `at` talk to.
    var token = ""
    /// The version that `api` names.
    var version: String

    init(
        mode: Sandbox.Mode = .plain, now: String = "2026-07-01T10:00:00Z",
        configure: (inout Sandbox.Configuration) -> Void = { _ in }
    ) {
        self.now = instant(now)
        var configuration = Sandbox.Configuration()
        configuration.seed = 1
        configuration.mode = mode
        configure(&configuration)
        version = configuration.accountVersion
        world = World(configuration)
        world.providerHost = "http://provider.test"
        bearer = login(account: configuration.account, key: configuration.keys[0])
    }

    mutating func login(account: String, key: String) -> String {
        let isBusbar = APIVersion(named: version) == .busbar
        let reply = api(
            isBusbar ? "POST" : "GET", isBusbar ? "/auth/tokens" : "/login",
            headers: [("Authorization", basic(account, key)), ("Flatpeak-Version", version)])
        return reply.body["bearer_token"]?.string ?? ""
    }

    // MARK: - API

    mutating func api(
        _ method: String, _ target: String, _ body: JSON? = nil, headers: [(name: String, value: String)]? = nil
    ) -> Reply {
        let standard: [(name: String, value: String)] = [
            ("Authorization", "Bearer " + bearer), ("Content-Type", "application/json"),
            ("Flatpeak-Version", version),
        ]
        let request = HTTPRequest(
            method: method, target: target, headers: headers ?? standard, body: body?.bytes ?? [])
        return Reply(world.answerAPI(request, keySet: ["keys": []], at: now))
    }

    /// Mints a session and makes it the current one.
    mutating func mint(_ fields: [String: JSON] = [:]) -> Reply {
        let body: JSON = ["connect_url": "http://app.test/", "callback_url": "http://app.test/done"]
        let reply = api("POST", "/connect/token", body.merging(fields))
        token = reply.body["connect_token"]?.string ?? ""
        return reply
    }

    mutating func claim() -> Reply { api("GET", "/connect/token?connect_token=\(token)") }

    // MARK: - Connect

    mutating func connect(
        _ body: JSON, headers: [(name: String, value: String)] = [("Content-Type", "application/json")]
    )
        -> Reply
    {
        Reply(
            world.answerConnect(HTTPRequest(method: "POST", target: "/", headers: headers, body: body.bytes), at: now))
    }

    mutating func start(_ route: String = "session_start") -> Reply {
        connect(["connect_token": .string(token), "route": .string(route)])
    }

    /// The name of the current page.
    var route: String {
        world.sessions[token].flatMap { $0.machine.route?.name(world.dialect(of: $0)) } ?? ""
    }

    /// Submits data on the current page.
    mutating func submit(_ data: JSON) -> Reply {
        connect(["connect_token": .string(token), "route": .string(route), "type": "submit", "data": data])
    }

    /// Takes an action on the current page.
    mutating func act(_ action: String) -> Reply {
        connect(["connect_token": .string(token), "route": .string(route), "action": .string(action)])
    }

    /// A fresh world and session, walked to a page from the address page on.
    static func at(_ route: ConnectRoute, mode: Sandbox.Mode = .plain) -> Emulation {
        var emulation = Emulation(mode: mode)
        emulation.walk(to: route)
        return emulation
    }

    /// Mints and walks to a page; answers the page itself.
    @discardableResult
    mutating func walk(to route: ConnectRoute, mint fields: [String: JSON] = [:]) -> Reply {
        let options: JSON = [
            "advanced_tariff_capture": true, "tariff_name_capture": true, "contract_term_capture": true,
        ]
        let needsOptions: Set<ConnectRoute> = [.rateAdvancedCapture, .tariffNameCapture, .contractTermCapture]
        _ = mint(needsOptions.contains(route) ? fields.merging(["route_options": options]) { $1 } : fields)
        var reply = start()
        for step in Self.path(to: route) {
            reply = step.string.map { act($0) } ?? submit(step)
        }
        #expect(reply.body["route"] == .string(route.rawValue))
        return reply
    }

    /// Data and actions that lead to a page.
    private static func path(to route: ConnectRoute) -> [JSON] {
        let typed: [JSON] = [Sample.address, "PROVIDER_MISSING", ["provider": ["name": "Corner Shop Power"]]]
        func choosing(_ option: JSON) -> [JSON] { typed + [["options": [option]]] }
        return switch route {
        case .postalAddressCapture: []
        case .providerSelect: [Sample.address]
        case .providerNameCapture: [Sample.address, "PROVIDER_MISSING"]
        case .tariffSelect: [Sample.address, Sample.libraryProvider]
        case .tariffStructureSelect: typed
        case .rateFixedCapture: choosing("FIXED")
        case .rateTODCapture: choosing("TIME_OF_DAY")
        case .rateAdvancedCapture: choosing("ADVANCED")
        case .regionSelect: [Sample.corsica] + choosing("MARKET").dropFirst()
        case .surchargeCapture: choosing("MARKET")
        case .tariffNameCapture: choosing("FIXED") + [["cost": 0.2345]]
        case .contractTermCapture: choosing("FIXED") + [["cost": 0.2345], ["tariff": ["name": "Mine"]]]
        case .tariffSummary: choosing("FIXED") + [["cost": 0.2345]]
        case .greenBonusCapture: [Sample.address, Sample.libraryProvider]
        case .tariffConnectionPending, .tariffConnectionFailed, .vppLanding: []
        }
    }

    /// A fresh session whose provider login ended in a state.
    static func afterLogin(_ state: ConnectionState) -> Emulation {
        var emulation = Emulation()
        emulation.walk(to: .providerSelect)
        _ = emulation.submit(Sample.directProvider)
        _ = emulation.world.endVisit(emulation.token, with: state, at: emulation.now)
        return emulation
    }
}

/// What a host answered.
struct Reply {
    let status: Int
    let headers: [(name: String, value: String)]
    let body: JSON

    init(_ answer: HTTPAnswer) {
        (status, headers) = (answer.status, answer.headers)
        body = (try? JSON(parsing: answer.body)) ?? .null
    }

    var route: String? { body["route"]?.string }
    var code: String? { body["code"]?.string }
    var data: JSON { body["data"] ?? .null }
    var redirect: String? { data["redirect_url"]?.string }
    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
}

enum Sample {
    static let address: JSON = [
        "postal_address": [
            "address_line1": "1-3 Strand", "city": "London", "post_code": "WC2N 5EH", "country_code": "GB",
        ]
    ]
    static let corsica: JSON = [
        "postal_address": [
            "address_line1": "1 Cours Napoléon", "city": "Ajaccio", "post_code": "20000", "country_code": "FR",
        ]
    ]
    static let directProvider: JSON = ["provider": ["id": "prv_5a4db0c5000000000000b601"]]
    static let libraryProvider: JSON = ["provider": ["id": "prv_5a4db0c5000000000000b602"]]

    static func hours(_ rows: (Double, String, String)...) -> JSON {
        [
            "hours": .array(
                rows.map {
                    ["cost": .double($0.0), "valid_from": .string($0.1 + ":00"), "valid_to": .string($0.2 + ":00")]
                })
        ]
    }
}

func instant(_ text: String) -> Date { Timestamp.parse(text)?.date ?? Date(timeIntervalSince1970: 0) }

func basic(_ account: String, _ key: String) -> String {
    "Basic " + Data("\(account):\(key)".utf8).base64EncodedString()
}
