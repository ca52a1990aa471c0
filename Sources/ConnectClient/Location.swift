public import Foundation

extension ConnectClient {
    /// The locations that the customer's own sessions led to.
    ///
    /// Often none or one.
    public struct LocationList: Codable, Hashable, Sendable {
        /// The locations.
        public let data: [OwnLocation]
    }

    /// What the service itself knows about a location.
    public struct OwnLocation: Codable, Hashable, Sendable {
        /// The location's id.
        public let id: String
        /// What the customer has to do there, where there is something.
        public let actionRequired: ActionRequired?
        /// True where a session that changed a tariff there was not confirmed; reads are refused until it is.
        public let confirmationRequired: Bool?

        private enum CodingKeys: String, CodingKey {
            case id
            case actionRequired = "action_required"
            case confirmationRequired = "confirmation_required"
        }
    }

    /// A location.
    public struct Location: Codable, Hashable, Sendable {
        /// The location's id.
        public let id: String
        /// Whether Flatpeak works with real customers or with test data.
        public let liveMode: Bool?
        /// A name of the IANA time zone database.
        public let timezone: String?
        /// ISO 4217.
        public let currencyCode: String?
        /// Whether Flatpeak may use the flexibility of the location.
        public let flexAllowed: Bool?
        /// Where it is.
        public let postalAddress: PostalAddress?
        /// Where it is on the globe.
        public let geoLocation: GeoLocation?
        /// Whether each place for a tariff has one.
        public let tariffStatus: PlaceStatuses?
        /// What the customer has to do there, where there is something.
        public let actionRequired: ActionRequired?

        private enum CodingKeys: String, CodingKey {
            case id
            case liveMode = "live_mode"
            case timezone
            case currencyCode = "currency_code"
            case flexAllowed = "flex_allowed"
            case postalAddress = "postal_address"
            case geoLocation = "geo_location"
            case tariffStatus = "tariff_status"
            case actionRequired = "action_required"
        }
    }

    /// A point on the globe, in degrees.
    public struct GeoLocation: Codable, Hashable, Sendable {
        /// The latitude.
        public let lat: Double?
        /// The longitude.
        public let lng: Double?
    }

    /// `CONNECTED`, `NOT_CONNECTED`, `ERROR` or `NOT_SUPPORTED` for each place that a location has for a tariff.
    ///
    /// Expect others, and blanks around them.
    public struct PlaceStatuses: Codable, Hashable, Sendable {
        /// Energy from the grid.
        public let commodityImport: String?
        /// Energy to the grid.
        public let commodityExport: String?
        /// What comes on top of energy from the grid.
        public let nonCommodityImport: String?
        /// What comes on top of energy to the grid.
        public let nonCommodityExport: String?
        /// Energy generated and used at the location.
        public let local: String?

        private enum CodingKeys: String, CodingKey {
            case commodityImport = "commodity_import"
            case commodityExport = "commodity_export"
            case nonCommodityImport = "non_commodity_import"
            case nonCommodityExport = "non_commodity_export"
            case local
        }
    }

    /// The status of a location's tariffs.
    public struct LocationStatus: Codable, Hashable, Sendable {
        /// The location's id.
        public let id: String?
        /// Whether Flatpeak works with real customers or with test data.
        public let liveMode: Bool?
        /// When Flatpeak wrote it.
        public let timeCreated: String?
        /// What the customer has to do there, where there is something.
        public let actionRequired: ActionRequired?
        /// Each place that the location has for a tariff, such as `commodity_import`.
        public let tariffStatus: [String: TariffPlace]

        private enum CodingKeys: String, CodingKey {
            case id
            case liveMode = "live_mode"
            case timeCreated = "time_created"
            case actionRequired = "action_required"
            case tariffStatus = "tariff_status"
        }

        /// Decodes the status; what is no place for a tariff is passed over.
        public init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            id = try fields.decodeIfPresent(String.self, forKey: .id)
            liveMode = try fields.decodeIfPresent(Bool.self, forKey: .liveMode)
            timeCreated = try fields.decodeIfPresent(String.self, forKey: .timeCreated)
            actionRequired = try fields.decodeIfPresent(ActionRequired.self, forKey: .actionRequired)
            tariffStatus = try fields.decode([String: PerhapsPlace].self, forKey: .tariffStatus)
                .compactMapValues(\.place)
        }

        private struct PerhapsPlace: Decodable {
            let place: TariffPlace?

            init(from decoder: any Decoder) throws { place = try? TariffPlace(from: decoder) }
        }
    }

    /// What is in a place for a tariff.
    public struct TariffPlace: Codable, Hashable, Sendable {
        /// `CONNECTED`, `NOT_CONNECTED`, `ERROR` or `NOT_SUPPORTED`.
        ///
        /// Expect others, and blanks around them.
        public let status: String
        /// How the tariff is connected, such as `MANUAL`.
        public let connectionType: String?
        /// The provider, as Flatpeak describes it.
        public let provider: JSONObject?
        /// The tariff, as Flatpeak describes it.
        public let tariff: JSONObject?

        private enum CodingKeys: String, CodingKey {
            case status
            case connectionType = "connection_type"
            case provider, tariff
        }
    }

    /// What changed at a location.
    public struct LocationEvent: Codable, Hashable, Sendable {
        /// `location.updated`, after which what is shown is read again, or `tariff.action_required`.
        public let event: String
        /// The location.
        public let locationID: String
        /// What the customer has to do, where there is something.
        public let actionRequired: ActionRequired?
        /// When the service learnt it, in whole seconds.
        public let at: Date

        private enum CodingKeys: String, CodingKey {
            case event
            case locationID = "location_id"
            case actionRequired = "action_required"
            case at
        }
    }
}
