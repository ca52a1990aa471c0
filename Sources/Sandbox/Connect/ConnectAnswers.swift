import Crypto

/// An option of `tariff_structure_select`.
enum StructureOption: String, Sendable {
    case fixed = "FIXED"
    case timeOfDay = "TIME_OF_DAY"
    case market = "MARKET"
    case advanced = "ADVANCED"

    /// The name on the page; BUSBAR has another for one of them.
    func name(inBusbar isBusbar: Bool) -> String {
        isBusbar && self == .advanced ? "ADVANCED_TARIFF_INPUT" : rawValue
    }
}

/// What the customer has answered so far, and the validation of each page (codes of upstream.md §4.4).
struct ConnectAnswers: Equatable, Sendable {
    var address: PostalAddress
    private(set) var provider: ProviderName?
    private(set) var typedProviderName = ""
    /// The tariffs of the chosen provider, where it has a library.
    private(set) var library: [LibraryTariff]?
    private(set) var libraryTariff: LibraryTariff?
    private(set) var structure: StructureOption?
    private(set) var cost = 0.0
    private(set) var hours = DayOfRates.blank
    private(set) var advanced: JSON = ["market_rates": false, "schedule": []]
    private(set) var advancedSchedule: TariffSchedule?
    private(set) var region: String?
    private(set) var surchargeFixed = 0.0
    private(set) var surchargePercentage = 0.0
    private(set) var tariffName = ""
    var term = ContractTerm()

    /// - Parameter tariff: What is connected; a provider's name that was typed for it is shown again.
    init(address: PostalAddress, tariff: TariffDraft? = nil) {
        self.address = address
        if let provider = tariff?.provider, !provider.hasLogo { typedProviderName = provider.name }
    }

    mutating func takeAddress(_ data: Fields) throws(Refusal) {
        let address = try PostalAddress(try Fields(data.members["postal_address"], named: "postal_address"))
        guard !address.line1.isEmpty else { throw .invalid("address_line1_missing", "Address line 1 is required") }
        guard !address.city.isEmpty else { throw .invalid("city_missing", "City is required") }
        guard !address.postCode.isEmpty else { throw .invalid("post_code_missing", "Post code is required") }
        guard !address.countryCode.isEmpty else { throw .invalid("country_code_missing", "Country code is required") }
        guard address.hasCountryCode else {
            throw .invalid("country_code_invalid", "Country code must be ISO 3166-1 alpha-2")
        }
        // A country without a market here, or a post code of zeros, is a place that cannot be found.
        guard address.market != nil, address.postCode.contains(where: { $0 != "0" && $0 != " " }) else {
            throw .invalid("geo_location_not_found", "The address could not be located")
        }
        self.address = address
        region = nil
    }

    mutating func takeProvider(_ data: Fields, type: PostalAddressType?) throws(Refusal) -> Provider {
        guard let id = try data.object("provider")?.text("id"), !id.isEmpty else {
            throw .invalid("provider_id_missing", "Provider id is required")
        }
        guard let found = Provider.find(id) else { throw .invalid("provider_not_found", "Provider was not found") }
        guard found.isAvailable(at: address, type: type) else {
            throw .invalid("provider_id_invalid", "Provider is not available at this address")
        }
        provider = ProviderName(found)
        libraryTariff = nil
        if case .library(let tariffs) = found.integration { library = tariffs } else { library = nil }
        return found
    }

    mutating func takeProviderName(_ data: Fields) throws(Refusal) {
        let name = try data.object("provider")?.text("name") ?? ""
        guard name.contains(where: { !$0.isWhitespace }) else {
            throw .invalid("provider_name_missing", "Provider name is required")
        }
        let digest = SHA256.hash(data: Array((address.countryCode + "/" + name.lowercased()).utf8))
        provider = ProviderName(typed: name, id: "prv_" + hexadecimal(digest.prefix(12)))
        typedProviderName = name
        library = nil
        libraryTariff = nil
    }

    mutating func takeTariff(_ data: Fields) throws(Refusal) {
        guard let id = try data.object("tariff")?.text("id"), !id.isEmpty else {
            throw .invalid("tariff_id_missing", "Tariff id is required")
        }
        guard let tariff = library?.first(where: { $0.id == id }) else {
            let existsElsewhere = Provider.all.contains { provider in
                guard case .library(let tariffs) = provider.integration else { return false }
                return tariffs.contains { $0.id == id }
            }
            throw existsElsewhere
                ? .invalid("tariff_id_invalid", "The tariff belongs to another provider")
                : .invalid("tariff_not_found", "Tariff was not found")
        }
        libraryTariff = tariff
    }

    mutating func takeStructure(_ data: Fields, offered: [StructureOption], isBusbar: Bool) throws(Refusal) {
        guard let options = data.members["options"]?.array else { throw .dataInvalid("options must be an array") }
        guard options.count == 1 else { throw .invalid("option_invalid", "Exactly one option must be given") }
        guard let name = options[0].string else { throw .dataInvalid("an option must be a string") }
        guard let option = offered.first(where: { $0.name(inBusbar: isBusbar) == name }) else {
            throw .invalid("option_not_supported", "\(name) is not supported")
        }
        structure = option
        libraryTariff = nil
        term = ContractTerm()
    }

    mutating func takeCost(_ data: Fields) throws(Refusal) {
        let value = try data.number("cost")
        try DayOfRates.check(cost: value)
        cost = value
    }

    mutating func takeHours(_ data: Fields) throws(Refusal) {
        hours = try DayOfRates.periods(data.members["hours"])
    }

    mutating func takeAdvanced(_ data: Fields) throws(Refusal) {
        guard let tariff = data.members["tariff"] else { throw .dataInvalid("tariff is required") }
        let fields = try Fields(tariff, named: "tariff")
        _ = try fields.flag("market_rates")
        let dates = try ContractTerm(fields)
        guard let schedule = TariffSchedule(parsing: fields.members["schedule"]) else {
            throw .dataInvalid("schedule does not follow the rules of a tariff")
        }
        advanced = tariff
        advancedSchedule = schedule
        term = dates
    }

    mutating func takeRegion(_ data: Fields) throws(Refusal) {
        guard let name = try data.text("region"), Market.of(address).regions.contains(name) else {
            throw .dataInvalid("region must be one of the regions of the page")
        }
        region = name
    }

    mutating func takeSurcharge(_ data: Fields) throws(Refusal) {
        let surcharge = try Fields(data.members["surcharge"], named: "surcharge")
        let fixed = try surcharge.number("fixed")
        let percentage = try surcharge.number("percentage")
        // Zero passes although a text says "larger than zero": the web app skips the page with zeros.
        guard percentage >= 0 else {
            throw .invalid("surcharge_percentage_invalid", "Surcharge percentage must be larger than zero")
        }
        (surchargeFixed, surchargePercentage) = (fixed, percentage)
    }

    mutating func takeName(_ data: Fields) throws(Refusal) {
        let name = try data.object("tariff")?.text("name") ?? ""
        guard name.contains(where: { !$0.isWhitespace }) else {
            throw .invalid("tariff_name_missing", "Tariff name is required")
        }
        tariffName = name
    }

    /// The tariff that these answers describe; nil while the flow is not at its end.
    var draft: TariffDraft? {
        guard let provider else { return nil }
        if let tariff = libraryTariff {
            return TariffDraft(
                connectionType: .library, provider: provider, structure: tariff.structure, schedule: tariff.schedule,
                name: tariff.name, term: term, address: address)
        }
        guard let structure else { return nil }
        var draft = TariffDraft(
            connectionType: .manual, provider: provider, structure: .fixed,
            schedule: TariffSchedule(always: .init(fixed: cost)),
            name: tariffName.isEmpty ? provider.name : tariffName, term: term, address: address)
        switch structure {
        case .fixed:
            break
        case .timeOfDay:
            draft.structure = .timeOfDay
            draft.schedule = TariffSchedule(daily: hours)
        case .market:
            draft.connectionType = .market
            draft.structure = .market
            draft.region = region ?? Market.of(address).region(of: address.state)
            draft.schedule = TariffSchedule(
                always: .init(surchargeFixed: surchargeFixed, surchargePercentage: surchargePercentage))
        case .advanced:
            guard let advancedSchedule else { return nil }
            draft.structure = advanced["market_rates"] == true ? .market : .advanced
            draft.schedule = advancedSchedule
        }
        return draft
    }
}

/// Lower-case hexadecimal digits.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
