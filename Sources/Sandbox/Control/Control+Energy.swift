import FoundationEssentials

/// The control surface of prices, meters and devices.
///
///     POST   /prices/correct        {"location_id","from","to","value","direction":"IMPORT"}: a kWh cost this
///     POST   /edition               {"edition":"newer|older","of":"mint"}: see Sandbox.Edition and
///                                   Sandbox.Disagreement; all where `of` is absent
///     POST   /next-update           {"after_seconds":n} | {"absent":true} | {"reset":true}
///     POST   /local                 {"enabled":true}: LOCAL tariffs can be connected
///     POST   /meters                {"processing_seconds","held","refused"}: see Sandbox.MeterSettings; what is not
///                                   named stays
///     GET    /meters                ?location_id=: its processed records
///     GET    /devices               of every account
///     POST   /accounts/disable      {"account"}: the first one where none is named
///     POST   /accounts/enable       {"account"}
///     POST   /tariffs/expiring      {"location_id"}
///     POST   /tariffs/upgrade       {"location_id"}
extension Sandbox {
    static let energyHelp = [
        "POST /prices/correct", "POST /edition", "POST /next-update", "POST /local", "POST /meters", "GET /meters",
        "GET /devices", "POST /accounts/disable", "POST /accounts/enable", "POST /tariffs/expiring",
        "POST /tariffs/upgrade",
    ]

    /// Answers one of the requests above; anything else is 404.
    func controlEnergy(_ request: HTTPRequest, _ body: Fields) throws(Refusal) -> JSON {
        switch "\(request.method) \(request.path)" {
        case "GET /meters": return ["data": .array(meterRecords(at: request.query["location_id"] ?? ""))]
        case "GET /devices":
            return withWorld { world, _ in
                let devices = world.devices.values.sorted { $0.number < $1.number }
                return ["data": .array(devices.map { $0.json(Dialect(.anode)) })]
            }
        case "POST /prices/correct": try correctPrice(body)
        case "POST /edition":
            guard let edition = Edition(rawValue: try required("edition", in: body)) else {
                throw .bare(400, "edition must be newer or older")
            }
            guard let name = try body.text("of") else {
                setEdition(edition)
                break
            }
            guard let disagreement = Disagreement(rawValue: name) else {
                throw .bare(400, "of must be one of " + Disagreement.allCases.map(\.rawValue).joined(separator: ", "))
            }
            setEdition(edition, of: disagreement)
        case "POST /next-update": try setNextUpdate(body)
        case "POST /local": setLocalEnabled(try body.flag("enabled"))
        case "POST /meters":
            var settings = meterSettings
            if body.members["processing_seconds"] != nil {
                settings.processingSeconds = min(max(try body.number("processing_seconds"), 0), 1e9)
            }
            if body.members["held"] != nil { settings.isHeld = try body.flag("held") }
            if body.members["refused"] != nil { settings.refused = try body.text("refused") }
            setMeters(settings)
        case "POST /accounts/disable": try setDisabled(true, body)
        case "POST /accounts/enable": try setDisabled(false, body)
        case "POST /tariffs/expiring": try announce(.expiring, body)
        case "POST /tariffs/upgrade": try announce(.upgrade, body)
        default: throw .notFound
        }
        return ["ok": true]
    }

    private func meterRecords(at location: String) -> [JSON] {
        withWorld { world, now in
            world.processMeters(at: now)
            let records = world.meters.ledgers[location].map { Array($0.records) } ?? []
            return records.sorted { ($0.start, $0.number) < ($1.start, $1.number) }.map(\.json)
        }
    }

    private func correctPrice(_ body: Fields) throws(Refusal) {
        let location = try required("location_id", in: body)
        guard let start = Timestamp.parse(try required("from", in: body))?.date,
            let end = Timestamp.parse(try required("to", in: body))?.date, start < end
        else { throw .bare(400, "from and to must be RFC 3339 timestamps, in order") }
        guard let direction = CorrectedDirection(rawValue: try body.text("direction") ?? "IMPORT") else {
            throw .bare(400, "direction must be IMPORT, EXPORT or LOCAL")
        }
        guard correctPrice(at: location, direction, from: start, to: end, value: try body.number("value")) else {
            throw .bare(404, "No such location")
        }
    }

    private func setNextUpdate(_ body: Fields) throws(Refusal) {
        if body.members["after_seconds"] != nil {
            setNextUpdate(.after(min(max(try body.number("after_seconds"), -1e9), 1e9)))
        } else if try body.flag("absent") {
            setNextUpdate(.absent)
        } else if try body.flag("reset") {
            setNextUpdate(.published)
        } else {
            throw .bare(400, "One of after_seconds, absent and reset is required")
        }
    }

    private func setDisabled(_ isDisabled: Bool, _ body: Fields) throws(Refusal) {
        guard setAccountDisabled(isDisabled, account: try body.text("account") ?? configuration.account) else {
            throw .bare(404, "No such account")
        }
    }

    private func announce(_ announcement: TariffAnnouncement, _ body: Fields) throws(Refusal) {
        guard announce(announcement, at: try required("location_id", in: body)) else {
            throw .bare(404, "No such tariff")
        }
    }
}

extension MeterRecord {
    /// As the control surface shows it.
    fileprivate var json: JSON {
        [
            "device_id": JSON(series.deviceID), "energy_flow_direction": .string(series.flow.rawValue),
            "tariff_direction": .string(series.direction.rawValue), "session_reference_id": JSON(series.session),
            "record_reference_id": JSON(reference), "start_time": .string(Timestamp.local(start, offset: 0)),
            "end_time": .string(Timestamp.local(end, offset: 0)), "watt_hours": .double(energy),
            "confidence": .double(confidence),
        ]
    }
}
