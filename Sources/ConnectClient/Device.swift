public import Foundation

extension ConnectClient {
    /// The devices that the customer created at a location, the oldest first.
    public struct DeviceList: Codable, Hashable, Sendable {
        /// The devices.
        public let data: [Device]
    }

    /// A device at a location, such as a charger.
    public struct Device: Codable, Hashable, Sendable {
        /// The device's id.
        ///
        /// It goes into meter records and schedules.
        public let id: String
        /// The client's name for it.
        public let referenceID: String?
        /// As it was created.
        public let type: String?
        /// When it was created.
        public let timeCreated: Date

        private enum CodingKeys: String, CodingKey {
            case id
            case referenceID = "reference_id"
            case type
            case timeCreated = "time_created"
        }
    }

    /// A device to create.
    public struct DeviceRequest: Codable, Hashable, Sendable {
        /// The client's own name for it: 1 to 64 of `[A-Za-z0-9_-]`.
        public var referenceID: String?
        /// `EV_CHARGER`, `ELECTRIC_VEHICLE`, `BATTERY_SYSTEM`, `PV_SYSTEM` or `OTHER`.
        public var type: String?
        /// Who made it.
        public var manufacturer: String?
        /// The maker's code of the model.
        public var modelCode: String?
        /// The maker's name of the model.
        public var modelName: String?
        /// A solar system, for Flatpeak's own forecast of it.
        public var pvSystem: PVSystem?

        /// Sets the fields that are given; the others are left out.
        public init(
            referenceID: String? = nil, type: String? = nil, manufacturer: String? = nil,
            modelCode: String? = nil, modelName: String? = nil, pvSystem: PVSystem? = nil
        ) {
            self.referenceID = referenceID
            self.type = type
            self.manufacturer = manufacturer
            self.modelCode = modelCode
            self.modelName = modelName
            self.pvSystem = pvSystem
        }

        private enum CodingKeys: String, CodingKey {
            case referenceID = "reference_id"
            case type, manufacturer
            case modelCode = "model_code"
            case modelName = "model_name"
            case pvSystem = "pv_system"
        }
    }

    /// A solar system.
    public struct PVSystem: Codable, Hashable, Sendable {
        /// Its power in kW, above 0.
        public var ratedPowerKW: Double
        /// When it was installed.
        public var installDate: String?
        /// Its azimuth in degrees.
        public var azimuth: Double?
        /// Its tilt in degrees.
        public var tilt: Double?
        /// Whether hills shade it.
        public var terrainShading: Bool?
        /// Flatpeak's forecasts of it.
        public var forecasts: Forecasts?

        /// Sets the fields that are given; the others are left out.
        public init(
            ratedPowerKW: Double, installDate: String? = nil, azimuth: Double? = nil, tilt: Double? = nil,
            terrainShading: Bool? = nil, forecasts: Forecasts? = nil
        ) {
            self.ratedPowerKW = ratedPowerKW
            self.installDate = installDate
            self.azimuth = azimuth
            self.tilt = tilt
            self.terrainShading = terrainShading
            self.forecasts = forecasts
        }

        private enum CodingKeys: String, CodingKey {
            case ratedPowerKW = "rated_power_kw"
            case installDate = "install_date"
            case azimuth, tilt
            case terrainShading = "terrain_shading"
            case forecasts
        }
    }

    /// Flatpeak's forecasts of a solar system.
    public struct Forecasts: Codable, Hashable, Sendable {
        /// Whether there are any.
        public var enabled: Bool?

        /// Sets the fields that are given; the others are left out.
        public init(enabled: Bool? = nil) {
            self.enabled = enabled
        }
    }
}
