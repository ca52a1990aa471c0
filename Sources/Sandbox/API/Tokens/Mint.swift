/// What a session is asked for: the fields of ANODE (upstream.md §2), and those that BUSBAR adds (§9).
struct Mint: Equatable, Sendable {
    var connectURL: String
    var callbackURL: String
    var customerID: String?
    var customerReferenceID: String?
    var locationID: String?
    var locationReferenceID: String?
    var tariffID: String?
    var slot: Slot
    var disconnectTariff: Bool
    var editTariff: Bool
    var routeOptions: RouteOptions
    var addressType: PostalAddressType?
    var address: PostalAddress
    var deviceID: String?
    var providerID: String?

    /// The pages that are off unless asked for.
    struct RouteOptions: Equatable, Sendable {
        var advancedTariffCapture = false
        var tariffNameCapture = false
        var contractTermCapture = false
    }

    init(_ body: Fields) throws(Refusal) {
        connectURL = try Self.url("connect_url", in: body)
        callbackURL = try Self.url("callback_url", in: body)
        customerID = try body.text("customer_id")
        customerReferenceID = try body.text("customer_reference_id")
        locationID = try body.text("location_id")
        locationReferenceID = try body.text("location_reference_id")
        guard locationID == nil || locationReferenceID == nil else {
            throw .invalid(
                "location_id_conflict", "location_id and location_reference_id are mutually exclusive")
        }
        tariffID = try body.text("tariff_id")
        slot = try Self.slot(body)

        let actions = try body.object("actions")
        disconnectTariff = try actions?.flag("disconnect_tariff") ?? false
        editTariff = try actions?.flag("edit_tariff") ?? false
        let options = try body.object("route_options")
        routeOptions = RouteOptions(
            advancedTariffCapture: try options?.flag("advanced_tariff_capture") ?? false,
            tariffNameCapture: try options?.flag("tariff_name_capture") ?? false,
            contractTermCapture: try options?.flag("contract_term_capture") ?? false)

        if let name = try body.text("postal_address_type") {
            guard let type = PostalAddressType(rawValue: name) else {
                throw .invalid("postal_address_type_invalid", "Must be RESIDENTIAL or COMMERCIAL")
            }
            addressType = type
        }
        address =
            try body.object("postal_address").map { (fields) throws(Refusal) in try PostalAddress(fields) }
            ?? PostalAddress()
    }

    /// A body of BUSBAR, where a session is one of a location; what is not documented there is ignored.
    init(busbar body: Fields) throws(Refusal) {
        let names: Set = ["location_id", "connect_url", "callback_url", "device_id", "provider_id", "route_options"]
        try self.init(Fields(body.members.filter { names.contains($0.key) }))
        guard locationID?.isEmpty == false else { throw .invalid("location_id_missing", "location_id is required") }
        deviceID = try body.text("device_id")
        providerID = try body.text("provider_id")
        guard providerID.map({ Provider.find($0) != nil }) ?? true else {
            throw .invalid("provider_not_found", "Provider was not found")
        }
    }

    /// A body in ZERO's names with those of ANODE; `connect_url` may be absent there.
    static func renamed(_ body: Fields) -> Fields {
        var members = body.members
        let names = [
            "callback_uri": "callback_url", "connect_web_uri": "connect_url", "direction": "tariff_direction",
            "type": "tariff_type",
        ]
        for (old, new) in names { members[new] = members.removeValue(forKey: old) ?? members[new] }
        members["connect_url"] = members["connect_url"] ?? members["callback_url"]
        return Fields(members)
    }

    private static func url(_ name: String, in body: Fields) throws(Refusal) -> String {
        guard let url = try body.text(name), !url.isEmpty else {
            throw .invalid("\(name)_missing", "\(name) is required")
        }
        let scheme = url.prefix { $0 != ":" }
        let schemeIsValid =
            scheme.first?.isLetter == true && scheme.allSatisfy { $0.isLetter || $0.isNumber || "+-.".contains($0) }
        guard schemeIsValid, scheme.endIndex != url.endIndex, url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw .invalid("\(name)_invalid", "\(name) must be a URL or a deep link")
        }
        return url
    }

    private static func slot(_ body: Fields) throws(Refusal) -> Slot {
        let directionName = try body.text("tariff_direction") ?? Direction.import.rawValue
        guard let direction = Direction(rawValue: directionName) else {
            throw .invalid("tariff_direction_invalid", "Tariff direction must be EXPORT or IMPORT")
        }
        guard let type = TariffType(rawValue: try body.text("tariff_type") ?? TariffType.commodity.rawValue) else {
            throw .invalid("tariff_type_invalid", "Tariff type must be COMMODITY or NON_COMMODITY")
        }
        let slot = Slot(direction: direction, type: type)
        guard Slot.supported.contains(where: { $0.1 == slot }) else {
            throw .invalid("tariff_direction_not_supported", "\(direction.rawValue) is not supported for NON_COMMODITY")
        }
        return slot
    }
}
