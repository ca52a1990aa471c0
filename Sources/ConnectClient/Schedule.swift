public import Foundation

extension ConnectClient {
    /// When energy is cheap or dear.
    ///
    /// Numbers are Flatpeak's own.
    public struct Schedule: Codable, Hashable, Sendable {
        /// The location.
        public let locationID: String
        /// Its time zone.
        public let locationTimezone: String?
        /// ISO 4217.
        public let currencyCode: String?
        /// Which way the energy flows.
        public let tariffDirection: String
        /// When Flatpeak means to have new prices.
        ///
        /// Not always there.
        public let nextUpdate: String?
        /// The minutes in all, in a schedule by limit.
        public let duration: Double?
        /// The periods, in order.
        public let data: [SchedulePeriod]

        private enum CodingKeys: String, CodingKey {
            case locationID = "location_id"
            case locationTimezone = "location_timezone"
            case currencyCode = "currency_code"
            case tariffDirection = "tariff_direction"
            case nextUpdate = "next_update"
            case duration, data
        }
    }

    /// A period of a schedule.
    public struct SchedulePeriod: Codable, Hashable, Sendable {
        /// Its beginning.
        public let startTime: String
        /// Its end.
        public let endTime: String
        /// Its price.
        public let price: AveragePrice?

        private enum CodingKeys: String, CodingKey {
            case startTime = "start_time"
            case endTime = "end_time"
            case price
        }
    }

    /// The average price of a period.
    public struct AveragePrice: Codable, Hashable, Sendable {
        /// For each kWh, in the currency's major unit.
        public let average: Double?
        /// 1 for a price that is known; less for a forecast.
        public let confidence: Double?
    }

    /// How much energy each device needs, and by when.
    public struct AmountRequest: Codable, Hashable, Sendable {
        /// The location of the call, or left out.
        public var locationID: String?
        /// The limit of the whole location.
        public var maxPower: Power
        /// The price above which nothing is bought.
        public var shavingThreshold: ShavingThreshold?
        /// The devices, 1 to 100.
        public var data: [AmountItem]

        /// Sets the fields that are given; the others are left out.
        public init(
            locationID: String? = nil, maxPower: Power, shavingThreshold: ShavingThreshold? = nil,
            data: [AmountItem]
        ) {
            self.locationID = locationID
            self.maxPower = maxPower
            self.shavingThreshold = shavingThreshold
            self.data = data
        }

        private enum CodingKeys: String, CodingKey {
            case locationID = "location_id"
            case maxPower = "max_power"
            case shavingThreshold = "shaving_threshold"
            case data
        }
    }

    /// How much energy a device needs, and by when.
    public struct AmountItem: Codable, Hashable, Sendable {
        /// A device that the customer created at the location.
        public var deviceID: String
        /// Which way the energy flows.
        ///
        /// Import when left out.
        public var tariffDirection: Direction?
        /// From when on; now when left out.
        public var startTime: Date?
        /// By when the energy is needed.
        public var endTime: Date
        /// The limit of the device.
        public var maxPower: Power?
        /// How much.
        public var energy: Energy

        /// Sets the fields that are given; the others are left out.
        public init(
            deviceID: String, tariffDirection: Direction? = nil, startTime: Date? = nil, endTime: Date,
            maxPower: Power? = nil, energy: Energy
        ) {
            self.deviceID = deviceID
            self.tariffDirection = tariffDirection
            self.startTime = startTime
            self.endTime = endTime
            self.maxPower = maxPower
            self.energy = energy
        }

        private enum CodingKeys: String, CodingKey {
            case deviceID = "device_id"
            case tariffDirection = "tariff_direction"
            case startTime = "start_time"
            case endTime = "end_time"
            case maxPower = "max_power"
            case energy
        }
    }

    /// A price; one of the two.
    public struct ShavingThreshold: Codable, Hashable, Sendable {
        /// 1 is the highest price of the window, 0.01 the lowest.
        public var relative: Double?
        /// For each kWh, in the currency's major unit.
        public var absolute: Double?

        /// Sets the fields that are given; the others are left out.
        public init(relative: Double? = nil, absolute: Double? = nil) {
            self.relative = relative
            self.absolute = absolute
        }
    }

    /// A power.
    public struct Power: Codable, Hashable, Sendable {
        /// `W` or `KW`.
        public var units: String
        /// How many of these, from 0 on.
        public var value: Double

        /// Sets all fields.
        public init(units: String, value: Double) {
            self.units = units
            self.value = value
        }
    }

    /// An amount of energy.
    public struct Energy: Codable, Hashable, Sendable {
        /// `WH` or `KWH`.
        public var units: String
        /// How many of these, from 0 on.
        public var value: Double

        /// Sets all fields.
        public init(units: String, value: Double) {
            self.units = units
            self.value = value
        }
    }
}
