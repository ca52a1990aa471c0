package import Core
package import Flatpeak
import FoundationEssentials

/// The body of a mint request: the parameters that a client may choose.
///
/// All other parameters of Flatpeak's mint come from settings alone.
package struct MintRequest: StrictlyDecodable, Sendable {
    package var direction: TariffDirection?
    package var type: TariffType?
    package var location_id: String?
    package var tariff_id: String?
    package var action: TariffAction?
    package var postal_address: PostalAddress?
    package var postal_address_type: PostalAddressType?
    package var return_url: String?
    package var app: String?
    /// The language of the hosted page.
    package var language: CustomerLanguage?
    package var options: MintOptions?
    /// `false` where the operator's own backend vouches for the customer.
    package var confirm: Bool?

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case direction, type, location_id, tariff_id, action, postal_address, postal_address_type, return_url, app
        case language, options, confirm
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        direction = try fields.decodeIfPresent(TariffDirection.self, forKey: .direction)
        type = try fields.decodeIfPresent(TariffType.self, forKey: .type)
        location_id = try fields.decodeIfPresent(String.self, forKey: .location_id)
        tariff_id = try fields.decodeIfPresent(String.self, forKey: .tariff_id)
        action = try fields.decodeIfPresent(TariffAction.self, forKey: .action)
        postal_address = try fields.decodeIfPresent(Strict<PostalAddress>.self, forKey: .postal_address)?.value
        postal_address_type = try fields.decodeIfPresent(PostalAddressType.self, forKey: .postal_address_type)
        return_url = try fields.decodeIfPresent(String.self, forKey: .return_url)
        app = try fields.decodeIfPresent(String.self, forKey: .app)
        language = try fields.decodeIfPresent(CustomerLanguage.self, forKey: .language)
        options = try fields.decodeIfPresent(Strict<MintOptions>.self, forKey: .options)?.value
        confirm = try fields.decodeIfPresent(Bool.self, forKey: .confirm)
    }

    /// Decodes a body of strict JSON with these fields and no others.
    package static func read(_ body: [UInt8]) throws(BFFError) -> MintRequest {
        try Strict.read(body)
    }

    /// Makes the order for Flatpeak under `settings`, and picks the customer's return URL and the way into the app.
    func order(
        under settings: SessionSettings
    ) throws(BFFError) -> (order: MintOrder, returnURL: String?, launch: LaunchLink) {
        let app = try settings.app(named: app)
        let location = try location()
        try postal_address?.validate()
        return (
            MintOrder(
                connectURL: app.url, callbackURL: settings.callbackURL, direction: direction, type: type,
                location: location, tariff: try tariff(), action: action, routeOptions: options?.routes,
                postalAddressType: postal_address_type, postalAddress: postal_address),
            try settings.returnURL(asked: return_url),
            LaunchLink(to: app, language: language, isShell: options?.shell == true)
        )
    }

    /// Decides whether the session needs a confirmation: each of the hosted page where the operator asks for it, but no
    /// other, since whoever has the token can complete a session anywhere.
    /// - Parameter isByOwnBackend: Whether a service key authenticated the request.
    func needsConfirmation(under settings: SessionSettings, isByOwnBackend: Bool) throws(BFFError) -> Bool {
        guard let confirm else { return try settings.app(named: app).isHosted && settings.confirmation != .off }
        // A wish that has no effect would be taken for granted.
        guard !confirm, settings.confirmation == .optional, isByOwnBackend else {
            throw .invalidField("confirm", reason: .notAllowed)
        }
        return false
    }

    private func location() throws(BFFError) -> LocationID? {
        guard let text = location_id else {
            guard action == nil, tariff_id == nil else { throw .invalidField("location_id", reason: .missing) }
            return nil
        }
        guard let location = LocationID(text) else { throw .invalidField("location_id", reason: .malformed) }
        return location
    }

    private func tariff() throws(BFFError) -> TariffID? {
        guard let text = tariff_id else { return nil }
        guard let tariff = TariffID(text) else { throw .invalidField("tariff_id", reason: .malformed) }
        return tariff
    }
}

extension PostalAddress: StrictlyDecodable {
    /// No limits are published (upstream.md §2); no real address line comes near this many characters.
    private static let longestLine = 200

    fileprivate func validate() throws(BFFError) {
        let lines: [(BFFError.FieldName, String?)] = [
            ("postal_address.address_line1", address_line1), ("postal_address.address_line2", address_line2),
            ("postal_address.city", city), ("postal_address.state", state), ("postal_address.post_code", post_code),
        ]
        for (name, line) in lines where line.map({ $0.unicodeScalars.count > Self.longestLine }) == true {
            throw .invalidField(name, reason: .tooLong)
        }
        if let country_code, country_code.utf8.count != 2 || !country_code.utf8.allSatisfy({ (65...90).contains($0) }) {
            throw .invalidField("postal_address.country_code", reason: .malformed)
        }
    }
}

/// The optional pages of Connect, and the options of the hosted page.
package struct MintOptions: StrictlyDecodable, Sendable {
    /// Flatpeak's options; `nil` when none of them was given.
    package let routes: RouteOptions?
    /// Whether the hosted page reports its end to the native app around it.
    ///
    /// It never goes to Flatpeak.
    package let shell: Bool?

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case advanced_tariff_capture, tariff_name_capture, contract_term_capture, shell
    }

    package init(from decoder: any Decoder) throws {
        let routes = try RouteOptions(from: decoder)
        self.routes = routes == RouteOptions() ? nil : routes
        shell = try decoder.container(keyedBy: CodingKeys.self).decodeIfPresent(Bool.self, forKey: .shell)
    }
}
