/// Strict mode: refuses, with 400 and a code of its own, whatever the documents do not allow.
enum Strictness {
    /// What a request body may hold; null passes everywhere.
    indirect enum Shape: Sendable {
        case text, number, flag, anything
        case list(Shape)
        case object([String: Shape])
    }

    static func check(
        api request: HTTPRequest, operation: Sandbox.Operation, _ dialect: Dialect
    ) throws(Refusal) {
        guard request.header("flatpeak-version") != nil else {
            throw .invalid("version_header_missing", "Flatpeak-Version is required")
        }
        // The newer edition of BUSBAR has the token of a claim in the path.
        let isInPath = operation == .claim && dialect.readsOpenSessions
        let allowed = isInPath ? [] : energyQuery(of: operation, request.method, dialect) ?? queryNames[operation] ?? []
        for (name, _) in request.query.fields where !allowed.contains(name) {
            throw .invalid("query_parameter_unknown", "\(name) is not a parameter of this call")
        }
        guard !request.body.isEmpty else { return }
        try checkContentType(request)
        guard let shape = energyBody(of: operation, dialect) ?? body(of: operation, dialect) else { return }
        try check(try World.document(of: request), shape, at: "body")
    }

    /// - Parameter page: The page that the request answers, where it is one.
    static func check(connect request: HTTPRequest, body: JSON, _ page: ConnectRoute?) throws(Refusal) {
        try checkContentType(request)
        for name in ["authorization", "cookie"] where request.header(name) != nil {
            throw .invalid("header_not_allowed", "\(name) must not be sent to Connect")
        }
        guard request.query.fields.isEmpty else { throw .invalid("query_parameter_unknown", "Connect takes no query") }
        try check(body, connectEnvelope, at: "body")
        guard body["data"] == nil || body["action"] == nil else {
            throw .invalid("data_and_action", "A request carries either data or an action")
        }
        if let data = body["data"], let shape = page.flatMap({ pages[$0] }) { try check(data, shape, at: "data") }
    }

    private static func checkContentType(_ request: HTTPRequest) throws(Refusal) {
        let type = request.header("content-type")?.lowercased().prefix { $0 != ";" && $0 != " " }
        guard type == "application/json" else {
            throw .invalid("content_type_invalid", "Content-Type must be application/json")
        }
    }

    private static func check(_ value: JSON, _ shape: Shape, at path: String) throws(Refusal) {
        switch (shape, value) {
        case (.anything, _), (_, .null), (.text, .string), (.flag, .bool), (.number, .int), (.number, .double):
            return
        case (.list(let item), .array(let items)):
            for each in items { try check(each, item, at: path + "[]") }
        case (.object(let known), .object(let members)):
            for name in members.keys.sorted() {
                guard let shape = known[name], let member = members[name] else {
                    throw .invalid("field_unknown", "\(path).\(name) is not documented")
                }
                try check(member, shape, at: path + "." + name)
            }
        default:
            throw .invalid("field_type_invalid", "\(path) has the wrong type")
        }
    }

    private static let queryNames: [Sandbox.Operation: Set<String>] = [
        .claim: ["connect_token"],
        .tariffs: ["location_id", "direction", "type", "starting_after", "ending_before", "limit"],
        .locations: ["reference_id", "customer_id", "starting_after", "ending_before", "limit"],
        .events: ["event_type", "object_id", "starting_after", "ending_before", "limit"],
    ]

    private static let address = Shape.object([
        "address_line1": .text, "address_line2": .text, "city": .text, "state": .text, "post_code": .text,
        "country_code": .text,
    ])

    private static let routeOptions = Shape.object([
        "advanced_tariff_capture": .flag, "tariff_name_capture": .flag, "contract_term_capture": .flag,
    ])

    /// The body of a call; nil for one that the documents leave open.
    private static func body(of operation: Sandbox.Operation, _ dialect: Dialect) -> Shape? {
        switch operation {
        case .mint: mint(dialect)
        case .locationCreate: .object(location(dialect))
        default: nil
        }
    }

    private static func location(_ dialect: Dialect) -> [String: Shape] {
        var members: [String: Shape] = ["reference_id": .text, "customer_id": .text, "postal_address": address]
        if dialect.isZero { members["grid_node_id"] = .text }
        if dialect.isBusbar { members["geo_location"] = .object(["lat": .number, "lng": .number]) }
        return members
    }

    private static func mint(_ dialect: Dialect) -> Shape? {
        switch dialect.version {
        case .zero:
            return nil
        case .anode:
            return .object([
                "connect_url": .text, "callback_url": .text, "customer_id": .text, "customer_reference_id": .text,
                "location_id": .text, "location_reference_id": .text, "tariff_direction": .text, "tariff_type": .text,
                "tariff_id": .text, "actions": .object(["disconnect_tariff": .flag, "edit_tariff": .flag]),
                "route_options": routeOptions, "postal_address_type": .text, "postal_address": address,
            ])
        case .busbar:
            var members: [String: Shape] = [
                "location_id": .text, "connect_url": .text, "callback_url": .text, "device_id": .text,
            ]
            members[dialect.isOlder(.mint) ? "route_options" : "provider_id"] =
                dialect.isOlder(.mint) ? routeOptions : .text
            return .object(members)
        }
    }

    private static let connectEnvelope = Shape.object([
        "connect_token": .text, "route": .text, "action": .text, "data": .anything, "type": .anything,
    ])

    private static let pages: [ConnectRoute: Shape] = [
        .postalAddressCapture: .object(["postal_address": address]),
        .providerSelect: .object(["provider": .object(["id": .text])]),
        .providerNameCapture: .object(["provider": .object(["name": .text])]),
        .tariffSelect: .object(["tariff": .object(["id": .text])]),
        .tariffStructureSelect: .object(["options": .list(.text)]),
        .rateFixedCapture: .object(["cost": .number]),
        .rateTODCapture: .object([
            "hours": .list(.object(["cost": .number, "valid_from": .text, "valid_to": .text]))
        ]),
        .regionSelect: .object(["region": .text]),
        .surchargeCapture: .object(["surcharge": .object(["fixed": .number, "percentage": .number])]),
        .tariffNameCapture: .object(["tariff": .object(["name": .text])]),
        .contractTermCapture: .object([
            "contract_start_date": .text, "contract_end_date": .text, "contract_term_type": .text,
        ]),
    ]
}
