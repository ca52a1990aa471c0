/// The pages of a Connect session (upstream.md §4.4); `session_redirect` is an answer, never a page one stands on.
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
    /// Documented nowhere: the page of odd mode that clients must survive.
    case greenBonusCapture = "green_bonus_capture"

    /// The page that shows a connection.
    init(showing state: ConnectionState) {
        self =
            switch state {
            case .connected: .tariffSummary
            case .pending: .tariffConnectionPending
            case .failed: .tariffConnectionFailed
            }
    }

    /// Whether reaching this page completes the session on the server's side.
    var isOutcome: Bool {
        self == .tariffSummary || self == .tariffConnectionPending || self == .tariffConnectionFailed
    }

    /// What the page advertises: what the documents' samples have, and CLOSE, which the web app's types have everywhere.
    var actions: [String] {
        switch self {
        case .providerSelect: ["ADDRESS_CHANGE", "PROVIDER_MISSING", "BACK", "CLOSE"]
        case .providerNameCapture: ["ADDRESS_CHANGE", "BACK", "CLOSE"]
        case .tariffSelect: ["TARIFF_MISSING", "ADDRESS_CHANGE", "BACK", "CLOSE"]
        case .tariffSummary: ["WRONG_TARIFF_REPORT", "EDIT", "DISCONNECT", "CLOSE", "BACK"]
        case .tariffConnectionPending, .tariffConnectionFailed: ["EDIT", "DISCONNECT", "BACK", "CLOSE"]
        case .greenBonusCapture: ["CONTINUE", "BACK", "CLOSE"]
        default: ["BACK", "CLOSE"]
        }
    }

    /// What the page takes beyond that: BACK and CLOSE everywhere, and the names that clients in the field send.
    func accepts(_ action: String) -> Bool {
        switch action {
        case "BACK", "CLOSE": true
        case "WRONG_TARIFF": self == .tariffSummary
        case "RECONNECT": self == .tariffConnectionFailed
        default: actions.contains(action)
        }
    }
}

/// How far the connection of a tariff has come.
enum ConnectionState: String, Sendable { case connected, pending, failed }
