package import Core
package import FoundationEssentials

/// What is asked of Flatpeak to create a connect token (upstream.md §2).
package struct MintOrder: Sendable, Equatable {
    /// Where the Connect UI runs; the customer comes back here from a provider's login.
    package var connectURL: String
    /// Where the customer goes when the session is over, however it ended.
    package var callbackURL: String
    package var direction: TariffDirection?
    package var type: TariffType?
    /// An existing location, whose tariff is to be shown, changed or added to.
    package var location: LocationID?
    package var action: TariffAction?
    package var routeOptions: RouteOptions?
    package var postalAddress: PostalAddress?

    package init(
        connectURL: String, callbackURL: String, direction: TariffDirection? = nil, type: TariffType? = nil,
        location: LocationID? = nil, action: TariffAction? = nil, routeOptions: RouteOptions? = nil,
        postalAddress: PostalAddress? = nil
    ) {
        self.connectURL = connectURL
        self.callbackURL = callbackURL
        self.direction = direction
        self.type = type
        self.location = location
        self.action = action
        self.routeOptions = routeOptions
        self.postalAddress = postalAddress
    }

    /// - Throws: `invalidField` when the version has no way to say it.
    func body(in version: FlatpeakVersion) throws(BFFError) -> any Encodable {
        switch version {
        case .anode:
            return MintBody.Anode(
                connect_url: connectURL, callback_url: callbackURL, tariff_direction: direction, tariff_type: type,
                location_id: location?.text,
                actions: action.map {
                    .init(edit_tariff: $0 == .edit ? true : nil, disconnect_tariff: $0 == .disconnect ? true : nil)
                },
                route_options: routeOptions, postal_address: postalAddress)
        case .zero:
            guard action == nil else { throw .invalidField("action", reason: .notListed) }
            guard routeOptions == nil else { throw .invalidField("options", reason: .notListed) }
            return MintBody.Zero(
                connect_web_uri: connectURL, callback_uri: callbackURL, direction: direction, type: type,
                location_id: location?.text, postal_address: postalAddress)
        }
    }
}

/// What to do at once with the tariff of an existing location (upstream.md §2, `actions`).
package enum TariffAction: String, Codable, Sendable, CaseIterable {
    case edit, disconnect
}

/// Which of the optional Connect pages to show (upstream.md §2, `route_options`).
package struct RouteOptions: Codable, Sendable, Equatable {
    package var advanced_tariff_capture: Bool?
    package var tariff_name_capture: Bool?
    package var contract_term_capture: Bool?

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case advanced_tariff_capture, tariff_name_capture, contract_term_capture
    }

    package init(
        advanced_tariff_capture: Bool? = nil, tariff_name_capture: Bool? = nil, contract_term_capture: Bool? = nil
    ) {
        self.advanced_tariff_capture = advanced_tariff_capture
        self.tariff_name_capture = tariff_name_capture
        self.contract_term_capture = contract_term_capture
    }
}

/// The customer's address, so that Connect need not ask for it (upstream.md §2).
///
/// Never logged.
package struct PostalAddress: Codable, Sendable, Equatable {
    package var address_line1: String?
    package var address_line2: String?
    package var city: String?
    package var state: String?
    package var post_code: String?
    /// ISO 3166-1 alpha-2.
    package var country_code: String?

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case address_line1, address_line2, city, state, post_code, country_code
    }

    package init(
        address_line1: String? = nil, address_line2: String? = nil, city: String? = nil, state: String? = nil,
        post_code: String? = nil, country_code: String? = nil
    ) {
        self.address_line1 = address_line1
        self.address_line2 = address_line2
        self.city = city
        self.state = state
        self.post_code = post_code
        self.country_code = country_code
    }
}

/// A token that Flatpeak created.
package struct MintedToken: Sendable {
    package let token: ConnectToken
    /// Seconds from now.
    package let expiresIn: Double
    package let liveMode: Bool
}

/// What Flatpeak says became of a connect token (upstream.md §3).
package enum Claim: Hashable, Sendable {
    /// The customer has not come to the end.
    case notFinished
    /// The session gave a location; `pricesAvailable` says whether its tariff was read already.
    case located(LocationID, pricesAvailable: Bool)
    /// The token is past its life, or Flatpeak does not know it.
    case gone
}

/// What energy costs at a location.
package struct Prices: Sendable {
    /// Flatpeak's answer as clients may read it.
    package let body: [UInt8]
    /// When Flatpeak means to have new ones.
    package let nextUpdate: Date?
}

/// Which tariffs of a location to list (upstream.md §6.1).
package struct TariffQuery: Hashable, Sendable {
    package var location: LocationID
    package var direction: TariffDirection?
    package var type: TariffType?
    package var page: Page?
    /// 1 to 100; Flatpeak's default is 30.
    package var limit: Int?

    /// Which page: the two cursors exclude each other (upstream.md §6.5).
    package enum Page: Hashable, Sendable {
        case startingAfter(Identifier<Cursor>)
        case endingBefore(Identifier<Cursor>)
    }

    /// The kind of id that a list is paged by.
    package enum Cursor {}

    package init(
        location: LocationID, direction: TariffDirection? = nil, type: TariffType? = nil, page: Page? = nil,
        limit: Int? = nil
    ) {
        self.location = location
        self.direction = direction
        self.type = type
        self.page = page
        self.limit = limit
    }

    /// Names and values that need no escaping, since each passed its type.
    var items: [(String, String)] {
        var items = [("location_id", location.text)]
        if let direction { items.append(("direction", direction.rawValue)) }
        if let type { items.append(("type", type.rawValue)) }
        switch page {
        case .startingAfter(let id): items.append(("starting_after", id.text))
        case .endingBefore(let id): items.append(("ending_before", id.text))
        case nil: break
        }
        if let limit { items.append(("limit", String(limit))) }
        return items
    }
}

/// How the tariffs of a location stand.
package struct LocationStatus: Sendable {
    private let slots: LocationStatusReply.Slots
    /// Flatpeak's answer as clients may read it.
    package let body: [UInt8]

    init(slots: LocationStatusReply.Slots, body: [UInt8]) {
        self.slots = slots
        self.body = body
    }

    /// The status of one slot; nil when the answer does not name it.
    package subscript(slot slot: TariffSlot) -> TariffStatus? {
        let reply =
            switch (slot.type, slot.direction) {
            case (.commodity, .importing): slots.commodity_import
            case (.commodity, .exporting): slots.commodity_export
            case (.nonCommodity, .importing): slots.non_commodity_import
            case (.nonCommodity, .exporting): slots.non_commodity_export
            }
        return reply.map { TariffStatus($0.status) }
    }
}
