import Core

// What clients read of energy, one shape each whatever the edition of Flatpeak's API (upstream.md §6.2, §6.6, §6.7).

extension AnswerShape {
    /// A location, without the customer, the market's sources and the tariffs of the account.
    static let location = AnswerShape.object([
        Field("id", isRequired: true), .fixed("object", "location"), Field("live_mode"), Field("timezone"),
        Field("currency_code"), Field("flex_allowed"),
        Field(
            "postal_address",
            as: .object([
                Field("address_line1"), Field("address_line2"), Field("city"), Field("state"), Field("post_code"),
                Field("country_code"),
            ])),
        Field("geo_location", as: .object([Field("lat"), Field("lng")])),
        Field(
            "tariff_status",
            as: .object(
                ["commodity_import", "commodity_export", "non_commodity_import", "non_commodity_export", "local"]
                    .map { Field($0, or: "\($0).status", as: .trimmed) })),
    ])

    /// The schedules of ``ScheduleQuery``.
    static func schedule(_ query: ScheduleQuery) -> AnswerShape {
        .object(
            header(query.object, of: query.location)
                + [
                    direction(query.direction), Field("next_update"), Field("duration"),
                    Field(
                        "data",
                        as: .list(
                            .object([
                                Field("start_time", isRequired: true), Field("end_time", isRequired: true),
                                Field(
                                    "price", or: "tariff",
                                    as: .object([
                                        Field("average", or: "value", "rate_avg", "rate"), Field("confidence"),
                                    ])),
                            ])),
                        isRequired: true),
                ])
    }

    /// The schedule of an ``AmountOrder``.
    static func amount(_ order: AmountOrder) -> AnswerShape {
        let units = AnswerShape.object([Field("units"), Field("value")])
        let savings = Field("savings", as: .object([Field("value"), Field("percentage")]))
        return .object(
            header("schedule_amount", of: order.location)
                + [
                    Field("next_update"), Field("max_power", as: units),
                    Field("shaving_threshold", as: .object([Field("relative"), Field("absolute")])), cost, savings,
                    Field(
                        "data",
                        as: .list(
                            .object([
                                Field("device_id", isRequired: true),
                                Field("tariff_direction", or: "direction"), Field("start_time"), Field("end_time"),
                                Field("max_power", as: units), Field("energy", as: units), cost, savings,
                                Field(
                                    "schedule",
                                    as: .list(
                                        .object([
                                            Field("start_time", isRequired: true),
                                            Field("end_time", isRequired: true), Field("power", as: units),
                                        ])), isRequired: true),
                            ])),
                        isRequired: true),
                    Field("time_created"),
                ])
    }

    /// The costs of a ``CostQuery``.
    static func costs(_ query: CostQuery) -> AnswerShape {
        let device = query.device.map { [Field.fixed("device_id", $0.text)] } ?? []
        // The records of the location are those of all its owners.
        let isShared = if case .interval(_, _, _, nil) = query.scope { true } else { false }
        return .object(
            header("energy_cost", of: query.location) + device
                + [
                    direction(query.direction), Field("energy_units"),
                    Field("data", as: .list(.object(record(isShared: isShared))), isRequired: true),
                ])
    }

    /// What one ``MeterRecord`` costs.
    static let recordCost = AnswerShape.object([
        .fixed("object", "meter_record"), Field("energy_flow_direction", or: "direction", as: .flow),
        Field("tariff_direction", or: "tariff_rate"), Field("currency_code"), Field("energy_units"),
        Field("data", as: .object(record(isShared: false)), isRequired: true),
    ])

    private static let cost = Field("cost", or: "tariff", as: .object([Field("value"), Field("confidence")]))

    /// - Parameter isShared: Whether other owners' records may be among these: only one of the client's own sessions
    ///   keeps the name that its sender gave it.
    private static func record(isShared: Bool) -> [Field] {
        [
            Field("start_time", isRequired: true), Field("end_time", isRequired: true),
            Field("energy", as: .object([Field("value")])), Field("session_reference_id", as: .reference),
            Field("record_reference_id", with: isShared ? "session_reference_id" : nil), cost,
        ]
    }

    /// What each of them begins with.
    private static func header(_ object: String, of location: LocationID) -> [Field] {
        [
            .fixed("object", object), .fixed("location_id", location.text), Field("location_timezone"),
            Field("currency_code"),
        ]
    }

    private static func direction(_ direction: TariffDirection?) -> Field {
        Field("tariff_direction", or: "direction", substitute: "\"\((direction ?? .importing).rawValue)\"")
    }
}
