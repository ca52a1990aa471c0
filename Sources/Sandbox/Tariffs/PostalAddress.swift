/// The six documented fields of a postal address; a blank one is the empty string.
struct PostalAddress: Equatable, Sendable {
    var line1 = ""
    var line2 = ""
    var city = ""
    var state = ""
    var postCode = ""
    var countryCode = ""

    init() {}

    /// Reads an address object; absent and null fields are blank, values of another type are `data_json_invalid`.
    init(_ fields: Fields) throws(Refusal) {
        line1 = try fields.text("address_line1") ?? ""
        line2 = try fields.text("address_line2") ?? ""
        city = try fields.text("city") ?? ""
        state = try fields.text("state") ?? ""
        postCode = try fields.text("post_code") ?? ""
        countryCode = (try fields.text("country_code") ?? "").uppercased()
    }

    var json: JSON {
        [
            "address_line1": .string(line1), "address_line2": .string(line2), "city": .string(city),
            "state": .string(state), "post_code": .string(postCode), "country_code": .string(countryCode),
        ]
    }

    /// Whether the country is written as ISO 3166-1 alpha-2 has it.
    var hasCountryCode: Bool {
        countryCode.utf8.count == 2 && countryCode.utf8.allSatisfy { $0 >= 0x41 && $0 <= 0x5a }
    }

    /// The market of the country, when the sandbox knows it.
    var market: Market? { Market.all.first { $0.countryCode == countryCode } }
}

/// Filters providers (upstream.md §2, `postal_address_type`).
enum PostalAddressType: String, Sendable {
    case residential = "RESIDENTIAL"
    case commercial = "COMMERCIAL"
}
