import FoundationEssentials

/// The control surface: JSON over HTTP on a port of its own; Control+Energy.swift has the part of prices and meters.
///
///     GET    /                      this list
///     POST   /clock                 {"set":"RFC 3339"} | {"advance_seconds":n} | {"reset":true}
///     POST   /bearers/expire        every bearer, now
///     POST   /tokens/{cot}/expire   one connect token, now
///     POST   /faults                {"operation","kind","count","status","body","content_type","headers","seconds",
///                                   "retry_after","mentioning"}: see Sandbox.Fault
///     DELETE /faults                forgets those not used up
///     POST   /keys/refuse           {"key"}
///     POST   /keys/accept           {"key"}
///     POST   /accounts              {"account","key"}
///     GET    /requests              what arrived; ?operation= filters
///     GET    /requests/count        the same, counted by operation
///     DELETE /requests
///     POST   /pending/finish        {"location_id"} | {"connect_token"}
///     POST   /pending/fail          {"location_id"} | {"connect_token"}
///     POST   /mode                  {"mode":"plain|odd|strict"}
///     POST   /older-pages           {"answer":"rewind|lead_on"}: see Sandbox.OlderPages
///     POST   /pages                 {"page":"complete_tariff|error|reconnect_required","count":1}: see
///                                   Sandbox.ExtraPage
///     POST   /account-version       {"version","back":false}: moves every account; back to an older version, which no
///                                   account can go, with `back` alone
///     POST   /bearer-life           {"seconds"}
///     POST   /token-life            {"seconds"}
///     POST   /tariffs/expire        {"location_id"}
///     POST   /tariffs/reconnect     {"location_id"}
///     POST   /events                {"type","data","live","count","per_second"}: something happened
///     POST   /webhooks              {"url","resigned","cumulative","copies","reordered","held","down","delay_seconds",
///                                   "signature"}: see Sandbox.DeliverySettings; what is not named stays
///     GET    /webhooks              how it is set, counts and times
///     GET    /webhooks/deliveries   each event with its attempts
///     POST   /webhooks/resend       {"event_id"}
///     POST   /webhooks/keys         {"retire":true}: a new signing key
///     GET    /sessions
///     POST   /reset                 forgets everything
///
/// A change answers 200 `{"ok":true}`; a request that makes no sense answers 400, an unknown path or object 404, both
/// with `{"message"}`.
extension Sandbox {
    private static let help: [String] = [
        "GET /", "POST /clock", "POST /bearers/expire", "POST /tokens/{cot}/expire", "POST /faults", "DELETE /faults",
        "POST /keys/refuse", "POST /keys/accept", "POST /accounts", "GET /requests", "GET /requests/count",
        "DELETE /requests", "POST /pending/finish", "POST /pending/fail", "POST /mode", "POST /older-pages",
        "POST /pages", "POST /account-version", "POST /bearer-life", "POST /token-life", "POST /tariffs/expire",
        "POST /tariffs/reconnect", "POST /events",
        "POST /webhooks", "GET /webhooks", "GET /webhooks/deliveries", "POST /webhooks/resend", "POST /webhooks/keys",
        "GET /sessions", "POST /reset",
    ]

    func answerControl(_ request: HTTPRequest) -> HTTPAnswer {
        do throws(Refusal) {
            return .json(try control(request))
        } catch {
            return .message(error.message, status: error.status)
        }
    }

    private func control(_ request: HTTPRequest) throws(Refusal) -> JSON {
        let body = request.body.isEmpty ? Fields([:]) : try World.body(of: request)
        switch "\(request.method) \(request.path)" {
        case "GET /":
            return [
                "routes": .array((Self.help + Self.energyHelp).map(JSON.string)), "now": .string(Timestamp.utc(now)),
            ]
        case "GET /requests": return list(requests(try operation(request.query["operation"])))
        case "GET /requests/count": return counts
        case "GET /sessions": return ["data": .array(sessions().map(\.json))]
        case "POST /clock": try moveClock(body)
        case "POST /bearers/expire": expireBearers()
        case "POST /faults": script(try Fault(body))
        case "DELETE /faults": clearFaults()
        case "POST /keys/refuse": refuseKey(try required("key", in: body))
        case "POST /keys/accept": acceptKey(try required("key", in: body))
        case "POST /accounts": addAccount(try required("account", in: body), key: try required("key", in: body))
        case "DELETE /requests": forgetRequests()
        case "POST /pending/finish": try settle(body, succeeding: true)
        case "POST /pending/fail": try settle(body, succeeding: false)
        case "POST /mode":
            guard let mode = Mode(rawValue: try required("mode", in: body)) else { throw .bare(400, "Unknown mode") }
            setMode(mode)
        case "POST /older-pages":
            guard let answer = OlderPages(rawValue: try required("answer", in: body)) else {
                throw .bare(400, "answer must be rewind or lead_on")
            }
            setOlderPages(answer)
        case "POST /pages":
            guard let page = ExtraPage(rawValue: try required("page", in: body)) else {
                throw .bare(400, "page must be complete_tariff, error or reconnect_required")
            }
            ask(
                for: page,
                count: body.members["count"] == nil ? 1 : try Fault.whole("count", 0...1_000_000, in: body))
        case "POST /account-version":
            let version = try required("version", in: body)
            if try body.flag("back") {
                setAccountVersion(version)
            } else if !upgradeAccounts(to: version) {
                throw .bare(409, "An account never goes back to an older version; a test does, with \"back\":true")
            }
        case "POST /bearer-life": setBearerLife(try seconds(body))
        case "POST /token-life": setTokenLife(try seconds(body))
        case "POST /tariffs/expire": try setTariffs(body, expired: true)
        case "POST /tariffs/reconnect": try setTariffs(body, expired: false)
        case "POST /events": return try emit(body)
        case "POST /webhooks": try setDelivery(body)
        case "GET /webhooks": return withWorld { world, _ in world.deliveries.summary }
        case "GET /webhooks/deliveries":
            return withWorld { world, _ in ["data": .array(world.deliveries.all.map(\.json))] }
        case "POST /webhooks/resend":
            let event = try required("event_id", in: body)
            guard withWorld({ $0.deliveries.resend(event, at: $1) }) else { throw .notFound }
        case "POST /webhooks/keys":
            do { try rotateWebhookKeys(retiring: try body.flag("retire")) } catch { throw .bare(500, "No key") }
        case "POST /reset": reset()
        case let other where other.hasPrefix("POST /tokens/") && other.hasSuffix("/expire"):
            guard expireToken(String(other.dropFirst(13).dropLast(7))) else { throw .notFound }
        default: return try controlEnergy(request, body)
        }
        return ["ok": true]
    }

    func required(_ name: String, in body: Fields) throws(Refusal) -> String {
        guard let text = try body.text(name), !text.isEmpty else { throw .bare(400, "\(name) is required") }
        return text
    }

    private func seconds(_ body: Fields) throws(Refusal) -> TimeInterval {
        let seconds = try body.number("seconds")
        guard (0...1e9).contains(seconds) else { throw .bare(400, "seconds is out of range") }
        return seconds
    }

    private func operation(_ name: String?) throws(Refusal) -> Operation? {
        guard let name else { return nil }
        guard let operation = Operation(rawValue: name) else { throw .bare(400, "Unknown operation") }
        return operation
    }

    private func moveClock(_ body: Fields) throws(Refusal) {
        if let text = try body.text("set") {
            guard let (date, _) = Timestamp.parse(text) else { throw .bare(400, "set must be an RFC 3339 timestamp") }
            setClock(to: date)
        } else if body.members["advance_seconds"] != nil {
            advanceClock(by: min(max(try body.number("advance_seconds"), -1e9), 1e9))
        } else if try body.flag("reset") {
            resetClock()
        } else {
            throw .bare(400, "One of set, advance_seconds and reset is required")
        }
    }

    private func settle(_ body: Fields, succeeding: Bool) throws(Refusal) {
        let found = settlePending(
            location: try body.text("location_id"), connectToken: try body.text("connect_token"),
            succeeding: succeeding)
        guard found else { throw .bare(404, "No pending connection") }
    }

    private func setTariffs(_ body: Fields, expired: Bool) throws(Refusal) {
        let location = try required("location_id", in: body)
        guard withWorld({ $0.setTariffs(at: location, expired: expired, at: $1) }) else {
            throw .bare(404, "No such tariff")
        }
    }

    private func emit(_ body: Fields) throws(Refusal) -> JSON {
        let count = body.members["count"] == nil ? 1 : Int(try body.number("count"))
        guard (1...100_000).contains(count) else { throw .bare(400, "count is out of range") }
        let ids = emit(
            try required("type", in: body), try body.object("data")?.members ?? [:], live: try body.flag("live"),
            count: count, perSecond: body.members["per_second"] == nil ? nil : max(1, try body.number("per_second")))
        return ["data": .array(ids.map(JSON.string))]
    }

    private func setDelivery(_ body: Fields) throws(Refusal) {
        var settings = deliverySettings
        if body.members["url"] != nil {
            let url = try body.text("url") ?? ""
            guard url.isEmpty || DeliveryClient.Address(url) != nil else { throw .bare(400, "url must be http:") }
            settings.url = url.isEmpty ? nil : url
        }
        if body.members["resigned"] != nil { settings.isResigned = try body.flag("resigned") }
        if body.members["cumulative"] != nil { settings.isCumulative = try body.flag("cumulative") }
        if body.members["reordered"] != nil { settings.isReordered = try body.flag("reordered") }
        if body.members["held"] != nil { settings.isHeld = try body.flag("held") }
        if body.members["down"] != nil { settings.isDown = try body.flag("down") }
        if body.members["copies"] != nil { settings.copies = min(10, max(1, Int(try body.number("copies")))) }
        if body.members["delay_seconds"] != nil { settings.delay = try body.number("delay_seconds") }
        if let name = try body.text("signature") {
            guard let signature = DeliverySettings.Signature(rawValue: name) else {
                throw .bare(400, "Unknown signature")
            }
            settings.signature = signature
        }
        deliver(settings)
    }

    private var counts: JSON {
        withWorld { world, _ in
            .object(Dictionary(uniqueKeysWithValues: world.requests.counts.map { ($0.key.rawValue, .int($0.value)) }))
        }
    }

    private func list(_ requests: [RecordedRequest]) -> JSON { ["data": .array(requests.map(\.json))] }
}

extension Sandbox.Fault {
    init(_ body: Fields) throws(Refusal) {
        guard let kind = Kind(rawValue: try body.text("kind") ?? "") else { throw .bare(400, "Unknown kind") }
        guard let operation = Sandbox.Operation(rawValue: try body.text("operation") ?? "any") else {
            throw .bare(400, "Unknown operation")
        }
        self.init(kind, on: operation)
        if body.members["count"] != nil { count = try Self.whole("count", 1...1_000_000, in: body) }
        if body.members["status"] != nil { status = try Self.whole("status", 200...599, in: body) }
        if body.members["seconds"] != nil { seconds = try body.number("seconds") }
        self.body = try body.text("body")
        contentType = try body.text("content_type") ?? contentType
        retryAfter = try body.text("retry_after")
        mentioning = try body.text("mentioning")
        for (name, value) in try body.object("headers")?.members ?? [:] {
            guard let text = value.string else { throw .bare(400, "headers must be strings") }
            headers[name] = text
        }
    }

    fileprivate static func whole(_ name: String, _ range: ClosedRange<Int>, in body: Fields) throws(Refusal) -> Int {
        guard case .int(let value) = body.members[name], range.contains(value) else {
            throw .bare(400, "\(name) must be a whole number in \(range)")
        }
        return value
    }
}

extension Sandbox.RecordedRequest {
    var json: JSON {
        [
            "number": .int(number), "operation": .string(operation.rawValue), "method": .string(method),
            "path": .string(path),
            "headers": .array(headers.map { ["name": .string($0.name), "value": .string($0.value)] }),
            "body_size": .int(bodySize), "body_sha256": .string(bodyDigest), "status": .int(status),
        ]
    }
}

extension Sandbox.SessionState {
    var json: JSON {
        [
            "connect_token": .string(connectToken), "account": .string(account), "live_mode": .bool(liveMode),
            "route": JSON(route), "completed": .bool(isCompleted), "over": .bool(isOver),
            "location_id": JSON(location), "reports": .int(reports), "time_expiry": .string(Timestamp.utc(expires)),
        ]
    }
}
