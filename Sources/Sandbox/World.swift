import FoundationEssentials

/// Everything that the sandbox remembers, and what happens to it: a value that the sandbox keeps behind one lock.
struct World: Sendable {
    struct Account: Sendable {
        var keys: Set<String>
        var refusedKeys: Set<String> = []
        /// The account's default API version; an older one is refused.
        var version: String
        /// Every call is refused with `account_disabled`.
        var isDisabled = false
    }

    struct Bearer: Sendable {
        var scope: Scope
        var expires: Date
    }

    struct Session: Sendable {
        let token: String
        let scope: Scope
        /// The name of the version in which it was minted, which it speaks at Connect whatever becomes of the account (a
        /// choice: the documents do not say).
        let version: String
        let mint: Mint
        let customerID: String?
        let created: Date
        var expires: Date
        var machine: ConnectSessionMachine
        /// Set when the session completes, by reaching an outcome page or by disconnecting.
        var completion: Completion?
        /// A completed session that the customer has left.
        var isOver = false
    }

    struct Completion: Equatable, Sendable {
        enum Action: String, Sendable {
            case save = "SAVE"
            case disconnect = "DISCONNECT"
        }

        var locationID: String
        var action: Action
    }

    struct Location: Sendable {
        let id: String
        let scope: Scope
        var referenceID: String?
        var customerID: String?
        var address: PostalAddress
        /// `lat` and `lng`, where they were given.
        var coordinates: JSON?
        let created: Date
    }

    struct Tariff: Sendable {
        let id: String
        let scope: Scope
        let locationID: String
        let slot: Slot
        /// The session that connected it.
        let connectToken: String
        let created: Date
        var draft: TariffDraft
        /// The customer has reported an issue with it, which is open.
        var isReported = false
    }

    struct Event: Sendable {
        let id: String
        let scope: Scope
        let type: String
        let data: [String: JSON]
        /// The name of the version in which it is written.
        let version: String
        let created: Date
    }

    var mode: Sandbox.Mode
    var olderPages: Sandbox.OlderPages
    /// How many of each are still to be sent.
    var extraPages: [Sandbox.ExtraPage: Int] = [:]
    var bearerLife: TimeInterval
    var tokenLife: TimeInterval
    var clockOffset: TimeInterval = 0
    /// The names of ANODE's answers, where its documents have two.
    var edition = Sandbox.Edition.newer
    /// What BUSBAR says in the older of two ways.
    var olderEditions: Set<Sandbox.Disagreement> = []
    var nextUpdate = Sandbox.NextUpdate.published
    /// LOCAL is in beta, and off until the control surface turns it on.
    var isLocalEnabled = false
    /// By location.
    var corrections: [String: [PriceCorrection]] = [:]
    var devices: [String: Device] = [:]
    var meters = Meters()
    /// Up to when the prices of tomorrow were announced.
    var announcedUntil: Int?
    /// `http://host:port` of the provider's pages.
    var providerHost = ""
    var faults: [Sandbox.Fault] = []
    var requests = RequestLog()
    var ids: IDSource

    private(set) var accounts: [String: Account]
    private(set) var bearers: [String: Bearer] = [:]
    var sessions: [String: Session] = [:]
    private(set) var locations: [String: Location] = [:]
    /// By location, oldest first.
    private(set) var tariffs: [String: [Tariff]] = [:]
    /// Oldest first.
    private(set) var events: [Event] = []
    var deliveries: Deliveries
    private var counter = 0
    private var customers: [String: String] = [:]

    init(_ configuration: Sandbox.Configuration) {
        mode = configuration.mode
        olderPages = configuration.olderPages
        bearerLife = configuration.bearerLife
        tokenLife = configuration.tokenLife
        ids = IDSource(seed: configuration.seed)
        var settings = Sandbox.DeliverySettings()
        settings.url = configuration.webhookURL
        deliveries = Deliveries(settings)
        accounts = [
            configuration.account: Account(keys: Set(configuration.keys), version: configuration.accountVersion)
        ]
    }

    /// Counts up, for what must stay in order.
    mutating func number() -> Int {
        counter += 1
        return counter
    }

    // MARK: - Accounts and bearers

    mutating func addAccount(_ id: String, key: String, version: String) {
        accounts[id, default: Account(keys: [], version: version)].keys.insert(key)
    }

    mutating func refuseKey(_ key: String) {
        for id in accounts.keys { accounts[id]?.refusedKeys.insert(key) }
    }

    /// Takes the refusal of a key back, and makes the key one of the account's where it was unknown.
    mutating func acceptKey(_ key: String, account: String) {
        for id in accounts.keys { accounts[id]?.refusedKeys.remove(key) }
        if !accounts.values.contains(where: { $0.keys.contains(key) }) { accounts[account]?.keys.insert(key) }
    }

    /// Disables an account or enables it again; false where it is unknown.
    mutating func setDisabled(_ isDisabled: Bool, account id: String) -> Bool {
        accounts[id]?.isDisabled = isDisabled
        return accounts[id] != nil
    }

    /// Sets the default version of every account, to an older one, too.
    mutating func setVersion(_ version: String) {
        for id in accounts.keys { accounts[id]?.version = version }
    }

    /// Moves every account to a version; false, and nothing is moved, where one is on a newer version.
    mutating func upgrade(to version: String) -> Bool {
        guard accounts.values.allSatisfy({ $0.version.prefix(10) <= version.prefix(10) }) else { return false }
        setVersion(version)
        return true
    }

    /// The account's default version, or a newer one in which the object of an event was made (upstream.md §0).
    private func eventVersion(_ scope: Scope, madeIn version: String? = nil) -> String {
        max(accounts[scope.account]?.version ?? "", version ?? "")
    }

    /// The scope of Basic credentials; nil where they are wrong.
    func scope(account id: String, key: String) -> Scope? {
        guard let account = accounts[id], account.keys.contains(key), !account.refusedKeys.contains(key) else {
            return nil
        }
        return Scope(account: id, live: key.hasPrefix("sk_live_"))
    }

    mutating func issueBearer(for scope: Scope, at now: Date) -> String {
        if bearers.count >= 1000 { bearers = bearers.filter { $0.value.expires > now } }
        let expires = now.addingTimeInterval(bearerLife)
        let bearer = BearerToken.make(scope: scope, subject: ids.next("usr"), issued: now, expires: expires)
        bearers[bearer] = Bearer(scope: scope, expires: expires)
        return bearer
    }

    mutating func expireBearers() { bearers = [:] }

    // MARK: - Sessions

    mutating func mintSession(_ mint: Mint, _ call: APICall) throws(Refusal) -> Session {
        let (scope, now) = (call.scope, call.now)
        var mint = mint
        guard mint.deviceID == nil || device(mint.deviceID, in: scope) != nil else {
            throw .invalid("device_not_found", "Device was not found")
        }
        if let id = mint.tariffID {
            guard let tariff = tariffs.values.joined().first(where: { $0.id == id && $0.scope == scope }),
                mint.locationID == nil || mint.locationID == tariff.locationID
            else { throw .invalid("tariff_not_found", "Tariff was not found") }
            mint.locationID = tariff.locationID
            mint.slot = tariff.slot
        }
        var address = mint.address
        if let id = mint.locationID {
            guard let location = location(id, in: scope) else {
                throw .invalid("location_not_found", "Location was not found")
            }
            address = location.address
        }
        var customerID = mint.customerID
        if customerID == nil, let reference = mint.customerReferenceID {
            let key = "\(scope.account)/\(scope.live)/\(reference)"
            customerID = customers[key] ?? ids.next("cus")
            customers[key] = customerID
        }
        let session = Session(
            token: ids.next("cot"), scope: scope, version: call.version, mint: mint, customerID: customerID,
            created: now, expires: now.addingTimeInterval(tokenLife),
            machine: ConnectSessionMachine(
                mint: mint, address: address,
                tariff: mint.locationID.flatMap { tariff(at: $0, slot: mint.slot)?.draft },
                isBusbar: call.dialect.isBusbar))
        sessions[session.token] = session
        return session
    }

    /// The tariff of the session's slot at its location.
    func tariff(of session: Session) -> Tariff? {
        (session.completion?.locationID ?? session.mint.locationID).flatMap { tariff(at: $0, slot: session.mint.slot) }
    }

    /// Connects what the flow ended with: makes the location where the session had none, and fills the slot.
    mutating func connect(_ draft: TariffDraft, token: String, at now: Date) {
        guard let session = sessions[token] else { return }
        let known = session.completion?.locationID ?? session.mint.locationID
        let id = known ?? ids.next("loc")
        if locations[id] == nil {
            add(
                Location(
                    id: id, scope: session.scope, referenceID: session.mint.locationReferenceID,
                    customerID: session.customerID, address: draft.address, created: now))
        } else {
            locations[id]?.address = draft.address
            if let customer = session.customerID { locations[id]?.customerID = customer }
        }
        // A session for one specific tariff updates it; any other connects a new one.
        let replaced = tariff(at: id, slot: session.mint.slot)
        let updated = session.mint.tariffID.flatMap { $0 == replaced?.id ? $0 : nil }
        tariffs[id, default: []].removeAll { $0.slot == session.mint.slot }
        tariffs[id, default: []].append(
            Tariff(
                id: updated ?? ids.next("trf"), scope: session.scope, locationID: id, slot: session.mint.slot,
                connectToken: token, created: now, draft: draft))
        complete(token, Completion(locationID: id, action: .save), at: now)
        if known != nil { recordUpdate(of: id, scope: session.scope, at: now) }
    }

    /// Empties the session's slot and ends the session.
    mutating func disconnect(token: String, at now: Date) {
        guard let session = sessions[token], let id = session.completion?.locationID ?? session.mint.locationID else {
            return
        }
        if tariff(at: id, slot: session.mint.slot) != nil {
            tariffs[id]?.removeAll { $0.slot == session.mint.slot }
            recordUpdate(of: id, scope: session.scope, at: now)
        }
        complete(token, Completion(locationID: id, action: .disconnect), at: now)
        sessions[token]?.isOver = true
    }

    /// Server-side completion; the event fires the first time only.
    mutating func complete(_ token: String, _ completion: Completion, at now: Date) {
        guard let session = sessions[token] else { return }
        sessions[token]?.completion = completion
        guard session.completion == nil else { return }
        let connected = tariff(at: completion.locationID, slot: session.mint.slot)?.draft.state == .connected
        let dialect = dialect(of: eventVersion(session.scope, madeIn: session.version))
        record(
            "connect_session.complete",
            [
                "id": .string(token), "object": .string(dialect.sessionObject),
                "location_id": .string(completion.locationID), dialect.priceFlag: .bool(connected),
            ], scope: session.scope, madeIn: session.version, at: now)
    }

    /// Opens an issue report about the tariff of the session's slot, or withdraws it.
    mutating func report(_ isOpen: Bool, token: String) {
        guard let session = sessions[token], let reported = tariff(of: session),
            let index = tariffs[reported.locationID]?.firstIndex(where: { $0.id == reported.id })
        else { return }
        tariffs[reported.locationID]?[index].isReported = isOpen
    }

    /// Lets pending connections of a location, or of the location of a token, come to an end; false where none waits.
    mutating func settlePending(locationID: String?, token: String?, as state: ConnectionState, at now: Date) -> Bool {
        guard let id = locationID ?? token.flatMap({ sessions[$0]?.completion?.locationID }) else { return false }
        var found = false
        for (index, tariff) in (tariffs[id] ?? []).enumerated() where tariff.draft.state == .pending {
            found = true
            tariffs[id]?[index].draft.state = state
            if state == .connected {
                recordUpdate(of: tariff.locationID, scope: tariff.scope, at: now)
            } else {
                record("tariff.fetch.failed", tariff.eventData, scope: tariff.scope, at: now)
            }
        }
        return found
    }

    /// Whether a page of this kind is asked for; it is then sent.
    mutating func takeExtraPage(_ page: Sandbox.ExtraPage) -> Bool {
        guard let left = extraPages[page], left > 0 else { return false }
        extraPages[page] = left - 1
        return true
    }

    // MARK: - Locations, tariffs, events

    func location(_ id: String?, in scope: Scope) -> Location? {
        guard let id, let location = locations[id], location.scope == scope else { return nil }
        return location
    }

    mutating func add(_ location: Location) {
        locations[location.id] = location
        record(
            "location.create", ["id": .string(location.id), "object": "location"], scope: location.scope,
            at: location.created)
    }

    func tariff(at locationID: String, slot: Slot) -> Tariff? {
        tariffs[locationID]?.first { $0.slot == slot }
    }

    mutating func recordUpdate(of locationID: String, scope: Scope, at now: Date) {
        record("location.update", ["id": .string(locationID), "object": "location"], scope: scope, at: now)
    }

    /// - Parameters:
    ///   - version: In which its object was made; nil for the account's default.
    ///   - seconds: How long it takes until it is delivered.
    @discardableResult
    mutating func record(
        _ type: String, _ data: [String: JSON], scope: Scope, madeIn version: String? = nil, at now: Date,
        after seconds: TimeInterval = 0
    ) -> String {
        let event = Event(
            id: ids.next("evt"), scope: scope, type: type, data: data,
            version: eventVersion(scope, madeIn: version), created: now)
        events.append(event)
        deliveries.add(event, after: seconds)
        return event.id
    }

    /// An event about each connected tariff of a location, which changes nothing; false where there is none.
    mutating func announce(_ type: String, at locationID: String, now: Date) -> Bool {
        let connected = (tariffs[locationID] ?? []).filter { $0.draft.state == .connected }
        for tariff in connected { record(type, tariff.eventData, scope: tariff.scope, at: now) }
        return !connected.isEmpty
    }

    /// Lets the connected tariffs of a location expire, or the failed ones be connected again, with the events that go
    /// with it; false where there is none.
    mutating func setTariffs(at locationID: String, expired: Bool, at now: Date) -> Bool {
        var found = false
        for (index, tariff) in (tariffs[locationID] ?? []).enumerated()
        where tariff.draft.state == (expired ? .connected : .failed) {
            found = true
            tariffs[locationID]?[index].draft.state = expired ? .failed : .connected
            guard expired else {
                recordUpdate(of: locationID, scope: tariff.scope, at: now)
                continue
            }
            record("tariff.expired", tariff.eventData, scope: tariff.scope, at: now)
        }
        return found
    }
}
