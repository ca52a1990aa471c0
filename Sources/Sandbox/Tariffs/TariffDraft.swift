import FoundationEssentials

/// Everything a finished flow knows about the tariff to connect.
struct TariffDraft: Equatable, Sendable {
    /// Where the rates come from (upstream.md §6.1).
    enum ConnectionType: String, Sendable {
        case direct = "DIRECT"
        case library = "LIBRARY"
        case market = "MARKET"
        case manual = "MANUAL"
    }

    var connectionType: ConnectionType
    var provider: ProviderName
    var structure: TariffStructure
    var schedule: TariffSchedule
    var region: String?
    var name: String
    var term = ContractTerm()
    var address: PostalAddress
    var state = ConnectionState.connected
}

/// A provider as a page shows it; one that the customer typed has no logo.
struct ProviderName: Equatable, Sendable {
    var id: String
    var name: String
    var hasLogo: Bool

    init(_ provider: Provider) {
        (id, name, hasLogo) = (provider.id, provider.name, true)
    }

    init(typed name: String, id: String) {
        (self.id, self.name, hasLogo) = (id, name, false)
    }
}

/// `contract_start_date`, `contract_end_date` and `contract_term_type` (upstream.md §4.4, `contract_term_capture`).
struct ContractTerm: Equatable, Sendable {
    var start: Date?
    var end: Date?
    var untilTerminated = false

    init() {}

    init(_ fields: Fields) throws(Refusal) {
        start = try Self.date("contract_start_date", in: fields)
        end = try Self.date("contract_end_date", in: fields)
        switch try fields.text("contract_term_type") {
        case nil, "FIXED": untilTerminated = false
        case "UNTIL_TERMINATED": untilTerminated = true
        default: throw .dataInvalid("contract_term_type must be FIXED or UNTIL_TERMINATED")
        }
    }

    private static func date(_ name: String, in fields: Fields) throws(Refusal) -> Date? {
        guard let text = try fields.text(name) else { return nil }
        guard let (date, _) = Timestamp.parse(text) else {
            throw .invalid("date_format_invalid", "\(name) must be an RFC 3339 timestamp")
        }
        return date
    }

    var json: [String: JSON] {
        [
            "contract_start_date": JSON(start.map(Timestamp.utc)), "contract_end_date": JSON(end.map(Timestamp.utc)),
            "contract_term_type": JSON(untilTerminated ? "UNTIL_TERMINATED" : end == nil ? nil : "FIXED"),
        ]
    }
}
