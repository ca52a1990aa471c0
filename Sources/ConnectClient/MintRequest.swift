extension ConnectClient {
    /// What the app knows when it mints.
    ///
    /// Every field may be left out; the customer is then asked.
    public struct MintRequest: Codable, Hashable, Sendable {
        /// Which way the energy of the tariff flows.
        ///
        /// Import when left out.
        public var direction: Direction?
        /// What the tariff charges for.
        ///
        /// The commodity when left out.
        public var type: TariffType?
        /// One of the customer's own locations, to show, change or add a tariff there.
        public var locationID: String?
        /// The one tariff of the location that the session is about.
        public var tariffID: String?
        /// What to do at once with the tariff of the location.
        public var action: MintAction?
        /// The address, so that Connect does not ask for it.
        public var postalAddress: PostalAddress?
        /// `RESIDENTIAL` or `COMMERCIAL`: what is at the address.
        ///
        /// Flatpeak finds out when left out.
        public var postalAddressType: String?
        /// Where the customer goes after the session: one of the server's return URLs, byte for byte.
        public var returnURL: String?
        /// The name of the frontend in which Connect runs.
        ///
        /// The first of the server when left out. ``ConnectClient/connect(_:key:with:)`` sets `page`.
        public var app: String?
        /// The language of the hosted page: `en`, `de`, `fr` or `nl`.
        ///
        /// The browser's when left out.
        public var language: String?
        /// Which optional pages to show, and how the hosted page ends.
        public var options: MintOptions?
        /// `false` where a backend vouches for the customer.
        ///
        /// Refused from an app.
        public var confirm: Bool?

        /// Sets the fields that are given; the others are left out.
        public init(
            direction: Direction? = nil, type: TariffType? = nil, locationID: String? = nil,
            tariffID: String? = nil, action: MintAction? = nil, postalAddress: PostalAddress? = nil,
            postalAddressType: String? = nil, returnURL: String? = nil, app: String? = nil,
            language: String? = nil, options: MintOptions? = nil, confirm: Bool? = nil
        ) {
            self.direction = direction
            self.type = type
            self.locationID = locationID
            self.tariffID = tariffID
            self.action = action
            self.postalAddress = postalAddress
            self.postalAddressType = postalAddressType
            self.returnURL = returnURL
            self.app = app
            self.language = language
            self.options = options
            self.confirm = confirm
        }

        private enum CodingKeys: String, CodingKey {
            case direction, type
            case locationID = "location_id"
            case tariffID = "tariff_id"
            case action
            case postalAddress = "postal_address"
            case postalAddressType = "postal_address_type"
            case returnURL = "return_url"
            case app, language, options, confirm
        }
    }

    /// An address.
    ///
    /// A line has at most 200 bytes in UTF-8.
    public struct PostalAddress: Codable, Hashable, Sendable {
        /// The first line.
        public var addressLine1: String?
        /// The second line.
        public var addressLine2: String?
        /// The city.
        public var city: String?
        /// The state or region.
        public var state: String?
        /// The post code.
        public var postCode: String?
        /// ISO 3166-1 alpha-2, such as `GB`.
        public var countryCode: String?

        /// Sets the fields that are given; the others are left out.
        public init(
            addressLine1: String? = nil, addressLine2: String? = nil, city: String? = nil,
            state: String? = nil, postCode: String? = nil, countryCode: String? = nil
        ) {
            self.addressLine1 = addressLine1
            self.addressLine2 = addressLine2
            self.city = city
            self.state = state
            self.postCode = postCode
            self.countryCode = countryCode
        }

        private enum CodingKeys: String, CodingKey {
            case addressLine1 = "address_line1"
            case addressLine2 = "address_line2"
            case city, state
            case postCode = "post_code"
            case countryCode = "country_code"
        }
    }

    /// Which optional pages of Connect to show, and how the hosted page ends.
    ///
    /// All are off when left out.
    public struct MintOptions: Codable, Hashable, Sendable {
        /// Offers a schedule of the customer's own making.
        public var advancedTariffCapture: Bool?
        /// Asks for the tariff's name.
        public var tariffNameCapture: Bool?
        /// Asks when the contract begins and ends.
        public var contractTermCapture: Bool?
        /// The hosted page runs in a web view of the app, and posts a message at the end.
        ///
        /// ``ConnectClient/connect(_:key:with:)`` sets it for a presenter that needs it.
        public var shell: Bool?

        /// Sets the fields that are given; the others are left out.
        public init(
            advancedTariffCapture: Bool? = nil, tariffNameCapture: Bool? = nil,
            contractTermCapture: Bool? = nil, shell: Bool? = nil
        ) {
            self.advancedTariffCapture = advancedTariffCapture
            self.tariffNameCapture = tariffNameCapture
            self.contractTermCapture = contractTermCapture
            self.shell = shell
        }

        private enum CodingKeys: String, CodingKey {
            case advancedTariffCapture = "advanced_tariff_capture"
            case tariffNameCapture = "tariff_name_capture"
            case contractTermCapture = "contract_term_capture"
            case shell
        }
    }
}
