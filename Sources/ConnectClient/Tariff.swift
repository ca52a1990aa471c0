extension ConnectClient {
    /// A page of tariffs, the newest first.
    public struct TariffList: Codable, Hashable, Sendable {
        /// Flatpeak's path.
        public let url: String?
        /// Whether another page follows: send the last id as `startingAfter`.
        public let hasMore: Bool?
        /// The tariffs.
        public let data: [Tariff]

        private enum CodingKeys: String, CodingKey {
            case url
            case hasMore = "has_more"
            case data
        }
    }

    /// A tariff, as Flatpeak describes it.
    public struct Tariff: Codable, Hashable, Sendable {
        /// The tariff's id.
        public let id: String?
        /// Where it is.
        public let locationID: String?
        /// Whether Flatpeak works with real customers or with test data.
        public let liveMode: Bool?
        /// Whether it follows the provider's tariff.
        public let isLinked: Bool?
        /// How it is connected, such as `MANUAL`.
        public let connectionType: String?
        /// Which way the energy flows.
        public let direction: String?
        /// What it charges for.
        public let type: String?
        /// `CONNECTED`, for example, with blanks around it perhaps.
        public let status: String?
        /// Whose clock the schedule means.
        public let timezone: String?
        /// The name to show.
        public let displayName: String?
        /// The provider.
        public let providerID: String?
        /// Whether prices follow a market.
        public let marketRates: Bool?
        /// When the contract begins.
        public let contractStartDate: String?
        /// When the contract ends.
        public let contractEndDate: String?
        /// The rates by months, days and hours.
        public let schedule: [JSONObject]?
        /// When Flatpeak wrote it.
        public let timeCreated: String?

        private enum CodingKeys: String, CodingKey {
            case id
            case locationID = "location_id"
            case liveMode = "live_mode"
            case isLinked = "is_linked"
            case connectionType = "connection_type"
            case direction, type, status, timezone
            case displayName = "display_name"
            case providerID = "provider_id"
            case marketRates = "market_rates"
            case contractStartDate = "contract_start_date"
            case contractEndDate = "contract_end_date"
            case schedule
            case timeCreated = "time_created"
        }
    }

    /// What energy costs at a location.
    public struct Prices: Codable, Hashable, Sendable {
        /// The id of the answer.
        public let id: String?
        /// Whether Flatpeak works with real customers or with test data.
        public let liveMode: Bool?
        /// The location.
        public let locationID: String?
        /// Its time zone.
        public let locationTimezone: String?
        /// ISO 4217.
        public let currencyCode: String?
        /// Which way the energy flows.
        public let tariffDirection: String?
        /// When Flatpeak had these prices.
        public let lastUpdated: String?
        /// When Flatpeak means to have new ones.
        public let nextUpdate: String?
        /// What was asked for.
        public let request: JSONObject?
        /// The prices, in order.
        public let data: [PricePeriod]
        /// When Flatpeak wrote it.
        public let timeCreated: String?

        private enum CodingKeys: String, CodingKey {
            case id
            case liveMode = "live_mode"
            case locationID = "location_id"
            case locationTimezone = "location_timezone"
            case currencyCode = "currency_code"
            case tariffDirection = "tariff_direction"
            case lastUpdated = "last_updated"
            case nextUpdate = "next_update"
            case request, data
            case timeCreated = "time_created"
        }
    }

    /// A period with one price.
    public struct PricePeriod: Codable, Hashable, Sendable {
        /// Its beginning.
        public let validFrom: String?
        /// Its end.
        public let validTo: String?
        /// Its price.
        public let price: Price?

        private enum CodingKeys: String, CodingKey {
            case validFrom = "valid_from"
            case validTo = "valid_to"
            case price
        }
    }

    /// A price.
    public struct Price: Codable, Hashable, Sendable {
        /// For each kWh, in the currency's major unit.
        public let value: Double?
        /// 1 for a price that is known; less for a forecast.
        public let confidence: Double?
    }
}
