extension ConnectClient {
    /// What energy cost.
    ///
    /// Numbers are Flatpeak's own.
    public struct EnergyCosts: Codable, Hashable, Sendable {
        /// The location.
        public let locationID: String
        /// The device, where one was asked for.
        public let deviceID: String?
        /// Its time zone.
        public let locationTimezone: String?
        /// ISO 4217.
        public let currencyCode: String?
        /// Which way the energy flows.
        public let tariffDirection: String
        /// `WH`.
        public let energyUnits: String?
        /// The rows, in order.
        public let data: [CostedEnergy]

        private enum CodingKeys: String, CodingKey {
            case locationID = "location_id"
            case deviceID = "device_id"
            case locationTimezone = "location_timezone"
            case currencyCode = "currency_code"
            case tariffDirection = "tariff_direction"
            case energyUnits = "energy_units"
            case data
        }
    }

    /// What the energy of one meter record costs.
    ///
    /// Numbers are Flatpeak's own.
    public struct RecordCost: Codable, Hashable, Sendable {
        /// Which way the energy flowed.
        public let energyFlowDirection: String?
        /// By which tariff it is priced.
        public let tariffDirection: String?
        /// ISO 4217.
        public let currencyCode: String?
        /// `WH`.
        public let energyUnits: String?
        /// The record with its cost.
        public let data: CostedEnergy

        private enum CodingKeys: String, CodingKey {
            case energyFlowDirection = "energy_flow_direction"
            case tariffDirection = "tariff_direction"
            case currencyCode = "currency_code"
            case energyUnits = "energy_units"
            case data
        }
    }

    /// Energy of a period, and its cost.
    public struct CostedEnergy: Codable, Hashable, Sendable {
        /// The beginning.
        public let startTime: String
        /// The end.
        public let endTime: String
        /// How much.
        public let energy: EnergyValue?
        /// The client's name for what it belongs to.
        public let sessionReferenceID: String?
        /// The client's name for the record.
        public let recordReferenceID: String?
        /// What it cost.
        public let cost: Cost?

        private enum CodingKeys: String, CodingKey {
            case startTime = "start_time"
            case endTime = "end_time"
            case energy
            case sessionReferenceID = "session_reference_id"
            case recordReferenceID = "record_reference_id"
            case cost
        }
    }

    /// An amount of energy.
    public struct EnergyValue: Codable, Hashable, Sendable {
        /// In the `energyUnits` of the answer.
        public let value: Double?
    }

    /// A cost.
    public struct Cost: Codable, Hashable, Sendable {
        /// In the currency's major unit.
        public let value: Double?
        /// 1 where every price is known; 0 where there is none.
        public let confidence: Double?
    }
}
