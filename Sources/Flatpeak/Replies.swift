import Core
import FoundationEssentials

// What upstream writes, read leniently where its documents disagree; see upstream.md for each field.

/// `GET /login` (upstream.md §1).
struct LoginReply: Decodable {
    let bearer_token: String
    let expires_in: FlexibleNumber
    let live_mode: Bool?
}

/// `POST /connect/token` (upstream.md §2).
struct MintReply: Decodable {
    let connect_token: String
    let expires_in: FlexibleNumber
    let live_mode: Bool?

    func token() throws(BFFError) -> MintedToken {
        guard let token = ConnectToken(connect_token) else { throw .upstreamInvalidAnswer }
        return MintedToken(token: token, expiresIn: expires_in.value, liveMode: live_mode ?? false)
    }
}

/// `GET /connect/token` (upstream.md §3): the flag that says "prices are there" has four names.
struct ClaimReply: Decodable {
    let location_id: String?
    let price_available: Bool?
    let tariff_available: Bool?
    let is_tariff_processed: Bool?
    let data_available: Bool?

    /// - Parameter flags: The names that a version has for it.
    func claim(flags: KeyPath<ClaimReply, Bool?>...) throws(BFFError) -> Claim {
        guard let location_id, !location_id.isEmpty else { return .notFinished }
        guard let location = LocationID(location_id) else { throw .upstreamInvalidAnswer }
        return .located(location, pricesAvailable: flags.contains { self[keyPath: $0] == true })
    }
}

/// `GET /locations/{id}/status` (upstream.md §6.2): the slots that are known; new ones are not looked at.
struct LocationStatusReply: Decodable {
    let tariff_status: Slots

    struct Slots: Decodable {
        let commodity_import: Slot?
        let commodity_export: Slot?
        let non_commodity_import: Slot?
        let non_commodity_export: Slot?
        let local: Slot?
    }

    struct Slot: Decodable {
        let status: String
        /// Of the tariff in the slot; nil as well when it stands there in an unknown form.
        let tariffID: String?

        init(status: String, tariffID: String?) {
            self.status = status
            self.tariffID = tariffID
        }

        private struct Tariff: Decodable { let id: String? }
        private enum CodingKeys: CodingKey { case status, tariff }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            status = try container.decode(String.self, forKey: .status)
            tariffID = (try? container.decodeIfPresent(Tariff.self, forKey: .tariff))?.id
        }
    }
}

/// Either shape of an error (upstream.md §7): the error object, or a bare `{message}`.
struct ErrorReply: Decodable {
    let code: String?
}

/// A number that upstream writes as a number on one page and as a string on another (upstream.md §2).
struct FlexibleNumber: Decodable {
    let value: Double

    /// Nil for what is no usable number of seconds.
    init?(_ value: Double) {
        guard value.isFinite, value > 0, value < 1e9 else { return nil }
        self.value = value
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let number = try (try? container.decode(Double.self)) ?? Double(container.decode(String.self))
        guard let number = number.flatMap({ FlexibleNumber($0) }) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a usable number of seconds")
        }
        self = number
    }
}

/// What creates a connect token, in the names of each version (upstream.md §2).
enum MintBody {
    struct Anode: Encodable {
        let connect_url: String
        let callback_url: String
        let tariff_direction: TariffDirection?
        let tariff_type: TariffType?
        let location_id: String?
        let tariff_id: String?
        let actions: Actions?
        let route_options: RouteOptions?
        let postal_address_type: PostalAddressType?
        let postal_address: PostalAddress?
    }

    struct Actions: Encodable {
        let edit_tariff: Bool?
        let disconnect_tariff: Bool?
    }

    /// It has neither actions nor route options, nor the type of an address.
    struct Zero: Encodable {
        let connect_web_uri: String
        let callback_uri: String
        let direction: TariffDirection?
        let type: TariffType?
        let location_id: String?
        let postal_address: PostalAddress?
    }

    /// The session is one of a location, and of nothing less.
    struct Busbar: Encodable {
        let connect_url: String
        let callback_url: String
        let location_id: String?
        var route_options: RouteOptions?
    }
}

/// `POST /prices/{location_id}` (upstream.md §6.3), or with the location in the body (§9).
struct PricesBody: Encodable {
    let location_id: String?
    let start_time: String?
    let end_time: String
    let tariff_direction: TariffDirection?

    init(_ query: PriceQuery, hasLocation: Bool = false) {
        location_id = hasLocation ? query.location.text : nil
        start_time = query.start?.utc
        end_time = query.end.utc
        tariff_direction = query.direction
    }
}
