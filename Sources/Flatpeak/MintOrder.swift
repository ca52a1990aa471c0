package import Core

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
    /// The one tariff of the location that the session is about.
    package var tariff: TariffID?
    package var action: TariffAction?
    package var routeOptions: RouteOptions?
    package var postalAddressType: PostalAddressType?
    package var postalAddress: PostalAddress?

    package init(
        connectURL: String, callbackURL: String, direction: TariffDirection? = nil, type: TariffType? = nil,
        location: LocationID? = nil, tariff: TariffID? = nil, action: TariffAction? = nil,
        routeOptions: RouteOptions? = nil, postalAddressType: PostalAddressType? = nil,
        postalAddress: PostalAddress? = nil
    ) {
        self.connectURL = connectURL
        self.callbackURL = callbackURL
        self.direction = direction
        self.type = type
        self.location = location
        self.tariff = tariff
        self.action = action
        self.routeOptions = routeOptions
        self.postalAddressType = postalAddressType
        self.postalAddress = postalAddress
    }
}

/// What to do at once with the tariff of an existing location (upstream.md §2, `actions`).
package enum TariffAction: String, Codable, Sendable, CaseIterable {
    case edit, disconnect
}

/// What is at the customer's address, which decides which providers Connect offers (upstream.md §2).
package enum PostalAddressType: String, Codable, Sendable, CaseIterable {
    case residential = "RESIDENTIAL"
    case commercial = "COMMERCIAL"
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
