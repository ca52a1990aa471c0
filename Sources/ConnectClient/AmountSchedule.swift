extension ConnectClient {
    /// When devices are to run.
    ///
    /// Numbers are Flatpeak's own.
    public struct AmountSchedule: Codable, Hashable, Sendable {
        /// The location.
        public let locationID: String
        /// Its time zone.
        public let locationTimezone: String?
        /// ISO 4217.
        public let currencyCode: String?
        /// When Flatpeak means to have new prices.
        public let nextUpdate: String?
        /// The limit of the whole location.
        public let maxPower: JSONObject?
        /// The price above which nothing is bought.
        public let shavingThreshold: JSONObject?
        /// What all of it costs.
        public let cost: Cost?
        /// What the plan saves.
        public let savings: Savings?
        /// The devices.
        public let data: [DeviceSchedule]
        /// When Flatpeak wrote it.
        public let timeCreated: String?

        private enum CodingKeys: String, CodingKey {
            case locationID = "location_id"
            case locationTimezone = "location_timezone"
            case currencyCode = "currency_code"
            case nextUpdate = "next_update"
            case maxPower = "max_power"
            case shavingThreshold = "shaving_threshold"
            case cost, savings, data
            case timeCreated = "time_created"
        }
    }

    /// When a device is to run.
    public struct DeviceSchedule: Codable, Hashable, Sendable {
        /// The device.
        public let deviceID: String
        /// Which way the energy flows.
        public let tariffDirection: String?
        /// The beginning of the window.
        public let startTime: String?
        /// Its end.
        public let endTime: String?
        /// The limit of the device.
        public let maxPower: JSONObject?
        /// How much it needs.
        public let energy: JSONObject?
        /// What that costs.
        public let cost: Cost?
        /// What the plan saves.
        public let savings: Savings?
        /// When it runs; it is off between.
        public let schedule: [ScheduleStep]

        private enum CodingKeys: String, CodingKey {
            case deviceID = "device_id"
            case tariffDirection = "tariff_direction"
            case startTime = "start_time"
            case endTime = "end_time"
            case maxPower = "max_power"
            case energy, cost, savings, schedule
        }
    }

    /// A period in which a device runs.
    public struct ScheduleStep: Codable, Hashable, Sendable {
        /// Its beginning.
        public let startTime: String
        /// Its end.
        public let endTime: String
        /// At which power.
        public let power: JSONObject?

        private enum CodingKeys: String, CodingKey {
            case startTime = "start_time"
            case endTime = "end_time"
            case power
        }
    }

    /// What a plan saves.
    public struct Savings: Codable, Hashable, Sendable {
        /// In the currency's major unit.
        public let value: Double?
        /// In percent.
        public let percentage: Double?
    }
}
