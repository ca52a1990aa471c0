import Core
import Flatpeak
import Wire

/// The body of a request for a new device.
struct DeviceRequest: StrictlyDecodable, Sendable {
    let reference: ClientReference?
    let type: DeviceType?
    let manufacturer: String?
    let model_code: String?
    let model_name: String?
    let pv_system: PVSystem?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case reference_id, type, manufacturer, model_code, model_name, pv_system
    }

    /// No limits are published (upstream.md §6.9).
    private static let longestText = 100

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        let name = try fields.decodeIfPresent(String.self, forKey: .reference_id)
        reference = name.flatMap { ClientReference($0) }
        guard name == nil || reference != nil else { throw BFFError.invalidField("reference_id", reason: .malformed) }
        type = try fields.decodeIfPresent(DeviceType.self, forKey: .type)
        manufacturer = try fields.decodeIfPresent(String.self, forKey: .manufacturer)
        model_code = try fields.decodeIfPresent(String.self, forKey: .model_code)
        model_name = try fields.decodeIfPresent(String.self, forKey: .model_name)
        pv_system = try fields.decodeIfPresent(Strict<PVSystem>.self, forKey: .pv_system)?.value
        guard pv_system != nil else { return }
        let solar = try fields.nestedContainer(keyedBy: PVSystem.CodingKeys.self, forKey: .pv_system)
        _ = try solar.decodeIfPresent(Strict<PVSystem.Forecasts>.self, forKey: .forecasts)
    }

    /// Decodes a body of strict JSON with these fields and no others.
    static func read(_ body: [UInt8]) throws(BFFError) -> DeviceRequest {
        let request = try Strict<DeviceRequest>.read(body)
        let texts: [(BFFError.FieldName, String?)] = [
            ("manufacturer", request.manufacturer), ("model_code", request.model_code),
            ("model_name", request.model_name), ("pv_system.install_date", request.pv_system?.install_date),
        ]
        for (name, text) in texts where text.map({ $0.unicodeScalars.count > longestText }) == true {
            throw .invalidField(name, reason: .tooLong)
        }
        if let solar = request.pv_system, solar.rated_power_kw == nil {
            throw .invalidField("pv_system.rated_power_kw", reason: .missing)
        }
        return request
    }

    /// The order for Flatpeak, in which the device's name is the owner's at the location.
    func order(of owner: SubjectDigest, at location: LocationID) -> DeviceOrder {
        DeviceOrder(
            reference: reference.map { ScopedReference($0, of: owner, at: location).text }, location: location,
            type: type, manufacturer: manufacturer, modelCode: model_code, modelName: model_name, pvSystem: pv_system)
    }
}

extension PVSystem: StrictlyDecodable {}
extension PVSystem.Forecasts: StrictlyDecodable {}
