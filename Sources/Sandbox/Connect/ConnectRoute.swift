/// The pages of a Connect session (upstream.md §4.4, §9), by their names in ANODE; `session_redirect` is an answer, never a
/// page one stands on.
enum ConnectRoute: String, CaseIterable, Sendable {
    case postalAddressCapture = "postal_address_capture"
    case providerSelect = "provider_select"
    case providerNameCapture = "provider_name_capture"
    case tariffSelect = "tariff_select"
    case tariffStructureSelect = "tariff_structure_select"
    case rateFixedCapture = "rate_fixed_capture"
    case rateTODCapture = "rate_tod_capture"
    case rateAdvancedCapture = "rate_advanced_capture"
    case regionSelect = "region_select"
    case surchargeCapture = "surcharge_capture"
    case tariffNameCapture = "tariff_name_capture"
    case contractTermCapture = "contract_term_capture"
    case tariffSummary = "tariff_summary"
    case tariffConnectionPending = "tariff_connection_pending"
    case tariffConnectionFailed = "tariff_connection_failed"
    /// BUSBAR's start of the flow for virtual power plants, of which the sandbox has this page alone.
    case vppLanding = "vpp_landing"
    /// Documented nowhere: the page of odd mode that clients must survive.
    case greenBonusCapture = "green_bonus_capture"

    /// The page of a name in a version.
    init?(named name: String, _ dialect: Dialect) {
        guard let route = Self.allCases.first(where: { $0.name(dialect) == name }) else { return nil }
        self = route
    }

    /// The name in a version; pages of BUSBAR whose name is not documented keep that of ANODE (a choice).
    func name(_ dialect: Dialect) -> String {
        guard dialect.isBusbar else { return rawValue }
        return switch self {
        case .postalAddressCapture: "postal_address_input"
        case .tariffStructureSelect: "plan_structure"
        case .tariffNameCapture: "tariff_name_input"
        case .tariffConnectionFailed: "connection_failed"
        case .tariffSummary: dialect.isOlder(.summary) ? "tariff_summary" : "tariffs_summary"
        default: rawValue
        }
    }

    /// Whether the page names the direction and the type of a tariff; BUSBAR's sessions are not tied to one pair.
    func namesSlot(_ dialect: Dialect) -> Bool {
        !dialect.isBusbar || ![.postalAddressCapture, .tariffSummary, .vppLanding].contains(self)
    }

    /// Whether reaching this page completes the session on the server's side.
    var isOutcome: Bool {
        self == .tariffSummary || self == .tariffConnectionPending || self == .tariffConnectionFailed
    }

    /// What the page advertises: what the documents' samples have, and CLOSE, which the web app's types have everywhere.
    ///
    /// - Parameter isReported: Whether an issue report about the session's tariff is open.
    func actions(_ dialect: Dialect, isReported: Bool) -> [String] {
        switch self {
        case .providerSelect: ["ADDRESS_CHANGE", "PROVIDER_MISSING", "BACK", "CLOSE"]
        case .providerNameCapture: ["ADDRESS_CHANGE", "BACK", "CLOSE"]
        case .tariffSelect: ["TARIFF_MISSING", "ADDRESS_CHANGE", "BACK", "CLOSE"]
        case .tariffSummary where dialect.isBusbar:
            ["DISCONNECT"] + (dialect.isOlder(.summary) ? ["CHANGE", "RETRY"] : ["RECONNECT"])
                + (isReported ? ["UPDATE_ISSUE_REPORT", "CANCEL_ISSUE_REPORT"] : ["CREATE_ISSUE_REPORT"])
                + ["CLOSE", "BACK"]
        case .tariffSummary: ["WRONG_TARIFF_REPORT", "EDIT", "DISCONNECT", "CLOSE", "BACK"]
        case .tariffConnectionPending, .tariffConnectionFailed: ["EDIT", "DISCONNECT", "BACK", "CLOSE"]
        case .greenBonusCapture: ["CONTINUE", "BACK", "CLOSE"]
        default: ["BACK", "CLOSE"]
        }
    }

    /// What the page takes beyond that: BACK and CLOSE everywhere, and the names that clients in the field send.
    func accepts(_ action: String, _ dialect: Dialect) -> Bool {
        switch action {
        case "BACK", "CLOSE": true
        case "WRONG_TARIFF": self == .tariffSummary && !dialect.isBusbar
        case "RECONNECT" where !dialect.isBusbar: self == .tariffConnectionFailed
        default: [false, true].contains { actions(dialect, isReported: $0).contains(action) }
        }
    }
}

/// How far the connection of a tariff has come.
enum ConnectionState: String, Sendable { case connected, pending, failed }
