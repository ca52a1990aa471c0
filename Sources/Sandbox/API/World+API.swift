import FoundationEssentials

/// The API host: api.flatpeak.com (upstream.md §1 to §3, §5 and §6).
extension World {
    /// Answers one request, after any fault that is scripted for it.
    ///
    /// - Parameter keySet: what `/jwks.json` answers.
    mutating func answerAPI(_ request: HTTPRequest, keySet: JSON?, at now: Date) -> HTTPAnswer {
        let known = APIRoute.all(of: request.path)
        let routes = known.filter { $0.method == request.method }
        let operation = routes.first?.operation ?? .any
        return serve(request, operation: operation, at: now) { world in
            if operation == .jwks {
                return keySet.map { world.reply($0) } ?? world.reply(["message": "Internal Server Error"], status: 500)
            }
            guard routes.isEmpty else { return world.call(operation, routes, request, at: now) }
            let refusal = known.isEmpty ? Refusal.notFound : .bare(405, "Method Not Allowed")
            return world.refuse(refusal, world.dialectAsked(by: request), context: "api", live: false, at: now)
        }
    }

    /// Applies a scripted fault or the operation itself, and records the request.
    mutating func serve(
        _ request: HTTPRequest, operation: Sandbox.Operation, at now: Date, _ perform: (inout World) -> HTTPAnswer
    ) -> HTTPAnswer {
        let fault = takeFault(for: operation, request)
        let scripted = fault?.answer { refusal in errorObject(refusal, context: "api", live: false, at: now) }
        var answer = scripted ?? perform(&self)
        if let fault { answer.delivery = fault.delivery }
        requests.record(request, operation: operation, status: answer.status)
        return answer
    }

    private mutating func takeFault(for operation: Sandbox.Operation, _ request: HTTPRequest) -> Sandbox.Fault? {
        let index = faults.firstIndex { fault in
            (fault.operation == operation || fault.operation == .any)
                && fault.mentioning.map { request.mentions($0) } ?? true
        }
        guard let index else { return nil }
        let fault = faults[index]
        faults[index].count -= 1
        if faults[index].count <= 0 { faults.remove(at: index) }
        return fault
    }

    /// - Parameter routes: Those of the path and the method, in every version.
    private mutating func call(
        _ operation: Sandbox.Operation, _ routes: [APIRoute], _ request: HTTPRequest, at now: Date
    ) -> HTTPAnswer {
        advance(to: now)
        var scope: Scope?
        var version: String?
        var dialect = dialectAsked(by: request)
        var context = operation.context
        var answer: HTTPAnswer
        do throws(Refusal) {
            let authorized = try authorize(request, for: operation, at: now)
            scope = authorized
            context = "api"
            if accounts[authorized.account]?.isDisabled == true { throw .accountDisabled }
            let used = try negotiateVersion(request, scope: authorized)
            version = used
            dialect = self.dialect(of: used)
            guard let route = routes.first(where: { $0.availability.contains(dialect) }) else { throw .notFound }
            if mode == .strict { try Strictness.check(api: request, operation: operation, dialect) }
            context = operation.context
            answer = try perform(
                operation,
                APICall(
                    request: request, id: route.id, scope: authorized, version: used, dialect: dialect, now: now))
        } catch {
            answer = refuse(error, dialect, context: context, live: scope?.live ?? false, at: now)
        }
        if let version { answer.headers.append(("flatpeak-version", version)) }
        return answer
    }

    private mutating func perform(_ operation: Sandbox.Operation, _ call: APICall) throws(Refusal) -> HTTPAnswer {
        switch operation {
        case .login: reply(login(call))
        case .mint: reply(try mint(call))
        case .claim: reply(try claim(call))
        case .tariffs: reply(try listTariffs(call))
        case .status: reply(try status(of: call.id, scope: call.scope, at: call.now))
        case .prices: reply(try prices(call))
        case .events: reply(try listEvents(call.query, scope: call.scope, at: call.now))
        case .event: reply(try event(call.id, scope: call.scope))
        case .location: reply(leaky: try location(call))
        case .locations: reply(leaky: try listLocations(call))
        case .locationCreate: reply(leaky: try createLocation(call), status: 201)
        case .scheduleDuration: reply(leaky: try durationSchedule(call))
        case .scheduleLimit: reply(leaky: try limitSchedule(call))
        case .devices: reply(leaky: try listDevices(call))
        case .device: reply(leaky: try device(call))
        case .deviceCreate: reply(leaky: try createDevice(call), status: 201)
        case .deviceDelete: reply(try deleteDevice(call), status: 202)
        case .scheduleAmount: reply(leaky: try amountSchedule(call))
        case .costInstant: reply(leaky: try instantCost(call))
        case .costSession: reply(leaky: try sessionCost(call))
        case .costInterval: reply(leaky: try intervalCost(call))
        case .meterInterval: reply(leaky: try submitIntervals(call))
        case .meterCumulative: reply(leaky: try submitCumulative(call))
        case .meterBatch: reply(leaky: try meterBatch(call))
        case .jwks, .connect, .any: throw .notFound
        }
    }

    // MARK: - Who asks, and in which version

    /// Basic credentials for login, a live bearer for everything else; otherwise 403.
    private func authorize(
        _ request: HTTPRequest, for operation: Sandbox.Operation, at now: Date
    ) throws(Refusal) -> Scope {
        let credentials = request.header("authorization") ?? ""
        if operation == .login {
            guard credentials.lowercased().hasPrefix("basic "),
                let data = Data(base64Encoded: String(credentials.dropFirst(6)))
            else { throw .bare(403, "Bad credentials") }
            let pair = String(decoding: data, as: UTF8.self).split(separator: ":", maxSplits: 1).map(String.init)
            guard pair.count == 2, let scope = scope(account: pair[0], key: pair[1]) else {
                throw .bare(403, "Bad credentials")
            }
            return scope
        }
        guard credentials.lowercased().hasPrefix("bearer "), let bearer = bearers[String(credentials.dropFirst(7))],
            bearer.expires > now
        else { throw .bare(403, "Bearer token is missing, unknown or expired") }
        return bearer.scope
    }

    /// The version used; an older one than the account's default is 422 (upstream.md §0).
    private func negotiateVersion(_ request: HTTPRequest, scope: Scope) throws(Refusal) -> String {
        let standard = accounts[scope.account]?.version ?? ""
        guard let requested = request.header("flatpeak-version") else { return standard }
        guard Sandbox.isVersion(requested) else {
            throw .invalid("api_version_invalid", "\(requested) is not an API version")
        }
        guard requested.prefix(10) >= standard.prefix(10) else {
            throw .unprocessable(
                "api_version_not_supported",
                "Requested API version \(requested) is older than account default \(standard)")
        }
        return requested
    }

    /// The version that a request names, before it is known whether it may: what a refusal looks like.
    private func dialectAsked(by request: HTTPRequest) -> Dialect {
        dialect(of: request.header("flatpeak-version") ?? "")
    }

    // MARK: - Bodies and envelopes

    /// The JSON object of a request body; anything else is 400.
    static func body(of request: HTTPRequest) throws(Refusal) -> Fields {
        try Fields(try document(of: request), named: "the body")
    }

    /// The JSON document of a request body; anything else is 400.
    static func document(of request: HTTPRequest) throws(Refusal) -> JSON {
        guard let value = try? JSON(parsing: request.body) else { throw .dataInvalid("the body is not JSON") }
        return value
    }

    /// One page of a list that is given newest first (upstream.md §6.5).
    static func page(
        _ items: [(id: String, json: JSON)], url: String, _ query: FormFields
    ) throws(Refusal) -> JSON {
        guard let limit = Int(query["limit"] ?? "30"), (1...100).contains(limit) else {
            throw .invalid("limit_invalid", "limit must be between 1 and 100")
        }
        var range = items[...]
        var hasMore: Bool
        switch (query["starting_after"], query["ending_before"]) {
        case (.some, .some):
            throw .invalid("pagination_invalid", "starting_after and ending_before are mutually exclusive")
        case (nil, let cursor?):
            guard let index = items.firstIndex(where: { $0.id == cursor }) else {
                throw .invalid("ending_before_invalid", "ending_before is not in the list")
            }
            hasMore = index > limit
            range = items[..<index].suffix(limit)
        case (let cursor, nil):
            if let cursor {
                guard let index = items.firstIndex(where: { $0.id == cursor }) else {
                    throw .invalid("starting_after_invalid", "starting_after is not in the list")
                }
                range = items[(index + 1)...]
            }
            hasMore = range.count > limit
            range = range.prefix(limit)
        }
        return [
            "object": "list", "url": .string(url), "has_more": .bool(hasMore), "data": .array(range.map(\.json)),
        ]
    }

    /// An answer in the mode of the sandbox.
    func reply(_ value: JSON, status: Int = 200) -> HTTPAnswer {
        .json(mode == .odd ? Oddities.applied(to: value) : value, status: status)
    }

    /// An answer that odd mode spoils with connect tokens, too: the newest version puts one into locations.
    func reply(leaky value: JSON, status: Int = 200) -> HTTPAnswer {
        reply(mode == .odd ? Oddities.leaking(value) : value, status: status)
    }

    /// Every refusal of BUSBAR is an error object; before, one without a code is a bare message.
    private mutating func refuse(
        _ refusal: Refusal, _ dialect: Dialect, context: String, live: Bool, at now: Date
    ) -> HTTPAnswer {
        var refusal = refusal
        if dialect.isBusbar { refusal.code = refusal.code ?? refusal.codeOfStatus }
        guard refusal.code != nil else { return reply(["message": .string(refusal.message)], status: refusal.status) }
        return reply(errorObject(refusal, context: context, live: live, at: now), status: refusal.status)
    }

    /// The error object of upstream.md §4.5; the API writes its time in UTC.
    mutating func errorObject(_ refusal: Refusal, context: String, live: Bool, at now: Date) -> JSON {
        [
            "object": "error", "live_mode": .bool(live), "context": .string(context),
            "type": .string(refusal.kind.rawValue), "code": JSON(refusal.code), "message": .string(refusal.message),
            "time_created": .string(Timestamp.utc(now)), "request_id": .string(ids.next("req")),
        ]
    }

    func provider(_ provider: ProviderName) -> JSON {
        [
            "id": .string(provider.id), "display_name": .string(provider.name),
            "logo_url": .string(provider.hasLogo ? "\(providerHost)/\(ProviderLogo(of: provider.id).digest).png" : ""),
        ]
    }
}

extension Sandbox.Operation {
    /// The `context` of an error object (upstream.md §4.5); only that of mint is documented.
    var context: String {
        switch self {
        case .login: "api.login"
        case .mint: "api.connect_token_create"
        case .claim: "api.connect_token_retrieve"
        case .tariffs: "api.tariffs_list"
        case .status: "api.location_status_retrieve"
        case .prices: "api.price_retrieve"
        case .events: "api.events_list"
        case .event: "api.event_retrieve"
        case .location: "api.location_retrieve"
        case .locations: "api.locations_list"
        case .locationCreate: "api.location_create"
        case .scheduleDuration: "api.schedule_duration_calculate"
        case .scheduleLimit: "api.schedule_limit_calculate"
        case .scheduleAmount: "api.schedule_amount_calculate"
        case .costInstant: "api.cost_instant_calculate"
        case .costSession: "api.cost_session_calculate"
        case .costInterval: "api.cost_interval_calculate"
        case .meterInterval: "api.meter_interval_submit"
        case .meterCumulative: "api.meter_cumulative_submit"
        case .meterBatch: "api.meter_batch_retrieve"
        case .devices: "api.devices_list"
        case .device: "api.device_retrieve"
        case .deviceCreate: "api.device_create"
        case .deviceDelete: "api.device_delete"
        case .jwks, .connect, .any: "api"
        }
    }
}
