/// An amount of something with its unit.
package struct Quantity<Units: Codable & Hashable & Sendable>: Hashable, Codable, Sendable {
    package var units: Units
    package var value: Double

    package enum CodingKeys: String, CodingKey, CaseIterable { case units, value }

    package init(units: Units, value: Double) {
        self.units = units
        self.value = value
    }
}
