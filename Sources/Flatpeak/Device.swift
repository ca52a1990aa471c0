package import Core

/// A device as Flatpeak describes it (upstream.md §6.9): the fields that clients may read.
package struct Device: Decodable, Sendable, Equatable {
    package let id: DeviceID
    /// The integrator's own name for it, which is one of the whole account.
    package let reference_id: String?
    package let type: String?
    package let last_seen: String?
    package let time_created: String?
}

/// What is asked of Flatpeak to create a device (upstream.md §6.9).
package struct DeviceOrder: Sendable, Equatable {
    /// As Flatpeak is to have it: unique within the account.
    package var reference: String?
    package var location: LocationID
    package var type: DeviceType?
    package var manufacturer: String?
    package var modelCode: String?
    package var modelName: String?
    package var pvSystem: PVSystem?

    package init(
        reference: String? = nil, location: LocationID, type: DeviceType? = nil, manufacturer: String? = nil,
        modelCode: String? = nil, modelName: String? = nil, pvSystem: PVSystem? = nil
    ) {
        self.reference = reference
        self.location = location
        self.type = type
        self.manufacturer = manufacturer
        self.modelCode = modelCode
        self.modelName = modelName
        self.pvSystem = pvSystem
    }
}

/// `POST /devices` (upstream.md §6.9).
struct DeviceBody: Encodable {
    var reference_id: String?
    var location_id: String?
    var type: DeviceType?
    var manufacturer: String?
    var model_code: String?
    var model_name: String?
    var pv_system: PVSystem?
}

/// What a device is (upstream.md §6.9).
package enum DeviceType: String, Codable, Sendable, CaseIterable {
    case charger = "EV_CHARGER"
    case vehicle = "ELECTRIC_VEHICLE"
    case battery = "BATTERY_SYSTEM"
    case solar = "PV_SYSTEM"
    case other = "OTHER"
}

/// A solar system, for Flatpeak's own forecast of it (upstream.md §6.9).
package struct PVSystem: Codable, Sendable, Equatable {
    package var rated_power_kw: Double?
    package var install_date: String?
    package var azimuth: Double?
    package var tilt: Double?
    package var terrain_shading: Bool?
    package var forecasts: Forecasts?

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case rated_power_kw, install_date, azimuth, tilt, terrain_shading, forecasts
    }

    /// Whether Flatpeak makes forecasts.
    package struct Forecasts: Codable, Sendable, Equatable {
        package var enabled: Bool?

        package enum CodingKeys: String, CodingKey, CaseIterable { case enabled }

        package init(enabled: Bool? = nil) { self.enabled = enabled }
    }

    package init(
        rated_power_kw: Double? = nil, install_date: String? = nil, azimuth: Double? = nil, tilt: Double? = nil,
        terrain_shading: Bool? = nil, forecasts: Forecasts? = nil
    ) {
        self.rated_power_kw = rated_power_kw
        self.install_date = install_date
        self.azimuth = azimuth
        self.tilt = tilt
        self.terrain_shading = terrain_shading
        self.forecasts = forecasts
    }
}
