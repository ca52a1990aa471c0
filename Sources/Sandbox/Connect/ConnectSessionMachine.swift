/// One Connect session: the page the customer stands on, the way back, and the answers so far (upstream.md §4.3, §4.4).
///
/// Pure: every event returns a ``Step`` that the world carries out.
struct ConnectSessionMachine: Equatable, Sendable {
    enum Step: Equatable, Sendable {
        /// The current page is the answer.
        case show
        /// The customer goes to the login pages of this provider; the page stays as it is until they come back.
        case visit(Provider)
        /// All answers are there: connect this tariff, then show the page that the machine already stands on.
        case connect(TariffDraft)
        /// Remove the tariff from its slot and end the session.
        case disconnect
        /// Open or update an issue report, or withdraw it; then show the page.
        case report(isOpen: Bool)
        /// Back to `callback_url`.
        case leave
    }

    let options: Mint.RouteOptions
    let addressType: PostalAddressType?
    /// Start at provider selection although something is connected.
    let edits: Bool
    /// Disconnect at the start, without a page.
    let disconnects: Bool
    /// Whether the session speaks BUSBAR.
    private let isBusbar: Bool

    /// Nil until the first `session_start`.
    private(set) var route: ConnectRoute? { didSet { if let route { shown.insert(route) } } }
    /// Every page that was the current one.
    private(set) var shown: Set<ConnectRoute> = []
    private(set) var history: [ConnectRoute] = []
    private(set) var answers: ConnectAnswers
    /// The provider whose login pages the customer was sent to.
    private(set) var visiting: Provider?
    private(set) var reports = 0
    private var sawGreenBonus = false

    /// - Parameters:
    ///   - address: Of the location, or as given at mint; with country and city the address page is skipped.
    ///   - tariff: What is connected at the location.
    init(mint: Mint, address: PostalAddress, tariff: TariffDraft? = nil, isBusbar: Bool = false) {
        self.isBusbar = isBusbar
        options = mint.routeOptions
        addressType = mint.addressType
        edits = mint.editTariff
        disconnects = mint.disconnectTariff && mint.locationID != nil
        answers = ConnectAnswers(address: address, tariff: tariff)
    }

    /// `session_start` and `session_restore`: begins, or shows the current page again.
    mutating func start(connected state: ConnectionState?) -> Step {
        if let route {
            guard route.isOutcome else { return .show }
            if let state {
                self.route = page(showing: state)
            } else {
                self.route = .providerSelect
                history = []
            }
            return .show
        }
        if disconnects { return .disconnect }
        if let state, !edits {
            route = page(showing: state)
        } else {
            let knowsAddress = answers.address.market != nil && !answers.address.city.isEmpty
            route = knowsAddress ? .providerSelect : .postalAddressCapture
        }
        return .show
    }

    /// `session_start` with the action VPP.
    mutating func startVPP() -> Step {
        if route == nil { route = .vppLanding }
        return .show
    }

    /// The page that shows a connection.
    ///
    /// A customer who comes back to a connection that failed since finds it on BUSBAR's summary.
    private func page(showing state: ConnectionState) -> ConnectRoute {
        switch state {
        case .connected: .tariffSummary
        case .pending: .tariffConnectionPending
        case .failed: isBusbar && (route == nil || route == .tariffSummary) ? .tariffSummary : .tariffConnectionFailed
        }
    }

    /// Makes the page that a request answers the current one.
    ///
    /// Browsers answer an older page after a lost answer, and after their own back button.
    ///
    /// - Returns: Whether it is the current page now; otherwise the current page is the answer.
    mutating func turn(to page: ConnectRoute?, _ olderPages: Sandbox.OlderPages) throws(Refusal) -> Bool {
        guard let page, shown.contains(page) else {
            throw .invalid("route_invalid", "The route is not a page of the session")
        }
        if page == route { return true }
        // A page that BACK left is not on the way any more; only the current page leads on from it.
        guard olderPages == .rewind, let index = history.firstIndex(of: page) else { return false }
        visiting = nil
        history.removeSubrange(index...)
        route = page
        return true
    }

    /// An action on the current page.
    mutating func act(_ action: String, _ dialect: Dialect) throws(Refusal) -> Step {
        guard let route, route.accepts(action, dialect) else {
            throw .invalid("action_invalid", "\(action) is not an action of this page")
        }
        switch action {
        case "CLOSE":
            return .leave
        case "BACK":
            guard let previous = history.popLast() else { return .leave }
            self.route = previous
        case "EDIT", "RECONNECT", "CHANGE":
            history = [route]
            self.route = .providerSelect
        case "DISCONNECT":
            return .disconnect
        case "RETRY":
            // The provider is read again, by the control surface's `/tariffs/reconnect` alone.
            break
        case "CREATE_ISSUE_REPORT", "UPDATE_ISSUE_REPORT":
            reports += 1
            return .report(isOpen: true)
        case "CANCEL_ISSUE_REPORT":
            return .report(isOpen: false)
        case "ADDRESS_CHANGE":
            go(to: .postalAddressCapture)
        case "PROVIDER_MISSING":
            go(to: .providerNameCapture)
        case "TARIFF_MISSING":
            go(to: .tariffStructureSelect)
        case "CONTINUE":
            return continueFromProvider()
        default:
            reports += 1
        }
        return .show
    }

    /// Data for the current page; nil where the request carried neither data nor action.
    mutating func submit(_ data: JSON?, oddPage: Bool = false) throws(Refusal) -> Step {
        guard let route else { throw .invalid("route_invalid", "The session has not started") }
        if route.isOutcome || route == .vppLanding { throw .invalid("action_missing", "Action is required") }
        if route == .contractTermCapture, data == nil {
            answers.term = ContractTerm()
            return finish()
        }
        let fields = try Fields(data, named: "data")
        switch route {
        case .postalAddressCapture:
            try answers.takeAddress(fields)
            go(to: .providerSelect)
        case .providerSelect:
            let provider = try answers.takeProvider(fields, type: addressType)
            if case .direct = provider.integration {
                visiting = provider
                return .visit(provider)
            }
            if oddPage, !sawGreenBonus {
                sawGreenBonus = true
                go(to: .greenBonusCapture)
                return .show
            }
            return continueFromProvider()
        case .providerNameCapture:
            try answers.takeProviderName(fields)
            go(to: .tariffStructureSelect)
        case .tariffSelect:
            try answers.takeTariff(fields)
            return finish()
        case .tariffStructureSelect:
            try answers.takeStructure(fields, offered: structures, isBusbar: isBusbar)
            go(to: pageAfterStructure)
        case .rateFixedCapture:
            try answers.takeCost(fields)
            return finish()
        case .rateTODCapture:
            try answers.takeHours(fields)
            return finish()
        case .rateAdvancedCapture:
            try answers.takeAdvanced(fields)
            return finish()
        case .regionSelect:
            try answers.takeRegion(fields)
            go(to: .surchargeCapture)
        case .surchargeCapture:
            try answers.takeSurcharge(fields)
            return finish()
        case .tariffNameCapture:
            try answers.takeName(fields)
            return finish()
        case .contractTermCapture:
            answers.term = try ContractTerm(fields)
            return finish()
        case .greenBonusCapture:
            return continueFromProvider()
        case .tariffSummary, .tariffConnectionPending, .tariffConnectionFailed, .vppLanding:
            break
        }
        return .show
    }

    /// The customer comes back from the provider; nil means that they declined, and nothing changes.
    mutating func returned(from provider: Provider, with state: ConnectionState?) -> Step {
        visiting = nil
        guard let state, case .direct(let tariff) = provider.integration else { return .show }
        go(to: page(showing: state))
        return .connect(
            TariffDraft(
                connectionType: .direct, provider: ProviderName(provider), structure: tariff.structure,
                schedule: tariff.schedule, name: tariff.name, address: answers.address, state: state))
    }

    /// The options of `tariff_structure_select`.
    var structures: [StructureOption] {
        let hasMarket = !Market.of(answers.address).regions.isEmpty
        return [.fixed, .timeOfDay] + (hasMarket ? [.market] : [])
            + (options.advancedTariffCapture ? [.advanced] : [])
    }

    private mutating func continueFromProvider() -> Step {
        go(to: answers.library == nil ? .tariffStructureSelect : .tariffSelect)
        return .show
    }

    private var pageAfterStructure: ConnectRoute {
        switch answers.structure {
        case .timeOfDay: .rateTODCapture
        case .advanced: .rateAdvancedCapture
        case .market where Market.of(answers.address).regionIsAmbiguous(postCode: answers.address.postCode):
            .regionSelect
        case .market: .surchargeCapture
        case .fixed, nil: .rateFixedCapture
        }
    }

    /// The next optional page, or the connection.
    private mutating func finish() -> Step {
        let isManual = answers.libraryTariff == nil
        if route != .tariffNameCapture, route != .contractTermCapture, options.tariffNameCapture, isManual {
            go(to: .tariffNameCapture)
            return .show
        }
        if route != .contractTermCapture, options.contractTermCapture {
            go(to: .contractTermCapture)
            return .show
        }
        guard let draft = answers.draft else { return .show }
        go(to: .tariffSummary)
        return .connect(draft)
    }

    /// Moves on; a page is in the history once at most, so that BACK never goes in circles.
    private mutating func go(to next: ConnectRoute) {
        visiting = nil
        if let route { history.append(route) }
        history.removeAll { $0 == next }
        route = next
    }
}
