import FoundationEssentials

/// The Connect host: connect.flatpeak.com (upstream.md §4).
extension World {
    /// Answers one request: `POST /`, and the preflight of a browser; CORS allows any origin.
    ///
    /// It has the providers' logos, too: a service that is given this host for Connect's has no other address for them.
    mutating func answerConnect(_ request: HTTPRequest, at now: Date) -> HTTPAnswer {
        var answer: HTTPAnswer
        if request.path == "/", request.method == "POST" {
            answer = serve(request, operation: .connect, at: now) { $0.converse(request, at: now) }
        } else {
            answer = ProviderLogo.answer(request) ?? answerOther(request)
            requests.record(request, operation: .any, status: answer.status)
        }
        answer.headers.append(("Access-Control-Allow-Origin", "*"))
        return answer
    }

    private func answerOther(_ request: HTTPRequest) -> HTTPAnswer {
        guard request.path == "/" else { return reply(["message": "Not Found"], status: 404) }
        guard request.method == "OPTIONS" else {
            var answer = reply(["message": "Method Not Allowed"], status: 405)
            answer.headers.append(("Allow", "POST, OPTIONS"))
            return answer
        }
        return HTTPAnswer(
            status: 204,
            headers: [
                ("Access-Control-Allow-Methods", "POST, OPTIONS"), ("Access-Control-Allow-Headers", "Content-Type"),
                ("Access-Control-Max-Age", "600"),
            ])
    }

    private mutating func converse(_ request: HTTPRequest, at now: Date) -> HTTPAnswer {
        var session: Session?
        do throws(Refusal) {
            let body = try Self.body(of: request)
            session = try body.text("connect_token").flatMap { sessions[$0] }
            if mode == .strict {
                let page = try body.text("route").flatMap { ConnectRoute(named: $0, dialect(of: session)) }
                try Strictness.check(connect: request, body: .object(body.members), page)
            }
            let found = try usable(session, body, at: now)
            if takeExtraPage(.error) { return reply(errorPage(found)) }
            let step = try advance(found, body)
            return reply(perform(step, token: found.token, at: now))
        } catch {
            return reply(connectError(error, session: session, at: now), status: error.status)
        }
    }

    /// What a session speaks; a token that is unknown has no version.
    func dialect(of session: Session?) -> Dialect { dialect(of: session?.version ?? "") }

    /// Unknown tokens are 404, expired ones 400 (a choice: upstream.md §12.1).
    private func usable(_ session: Session?, _ body: Fields, at now: Date) throws(Refusal) -> Session {
        guard try body.text("connect_token")?.isEmpty == false else {
            throw .invalid("connect_token_missing", "Connect token is required")
        }
        guard let session else {
            throw Refusal(status: 404, code: "connect_token_not_found", message: "Connect token was not found")
        }
        guard session.expires > now else { throw .invalid("connect_token_expired", "Connect token has expired") }
        return session
    }

    private mutating func advance(_ session: Session, _ body: Fields) throws(Refusal) -> ConnectSessionMachine.Step {
        guard let route = try body.text("route"), !route.isEmpty else {
            throw .invalid("route_missing", "Route is required")
        }
        let dialect = dialect(of: session)
        let page = ConnectRoute(named: route, dialect)
        var machine = session.machine
        if session.isOver {
            // The answer that ended it may have been lost: from its pages the way out stays open, and nothing else.
            guard page.map(machine.shown.contains) == true else {
                throw .invalid("connect_token_used", "The Connect session is over")
            }
            return .leave
        }
        let step: ConnectSessionMachine.Step
        if route == "session_start" || route == "session_restore" {
            step = try start(&machine, session, isResumed: route == "session_restore", body)
        } else {
            let isCurrent = try machine.turn(to: page, olderPages)
            let action = try body.text("action")
            if !isCurrent, action != "CLOSE" {
                step = .show
            } else if let action {
                step = try machine.act(action, dialect)
            } else {
                step = try machine.submit(body.members["data"], oddPage: mode == .odd)
            }
        }
        sessions[session.token]?.machine = machine
        return step
    }

    /// BUSBAR's start names a flow, and its `session_restore` resumes what has started (upstream.md §9); before, both
    /// routes do both.
    private func start(
        _ machine: inout ConnectSessionMachine, _ session: Session, isResumed: Bool, _ body: Fields
    ) throws(Refusal) -> ConnectSessionMachine.Step {
        let state = tariff(of: session)?.draft.state
        guard dialect(of: session).isBusbar else { return machine.start(connected: state) }
        if isResumed {
            guard machine.route != nil else { throw .invalid("route_invalid", "The session has not started") }
            return machine.start(connected: state)
        }
        switch try body.text("action") {
        case "TARIFF": return machine.start(connected: state)
        case "VPP": return machine.startVPP()
        case nil: throw .invalid("action_missing", "Action is required")
        case let action?: throw .invalid("action_invalid", "\(action) is not an action of this page")
        }
    }

    private mutating func perform(_ step: ConnectSessionMachine.Step, token: String, at now: Date) -> JSON {
        guard let session = sessions[token] else { return .null }
        switch step {
        case .show:
            break
        case .visit:
            return redirect(session, to: appendingConnectToken(token, to: providerHost + "/"))
        case .connect(let draft):
            connect(draft, token: token, at: now)
        case .disconnect:
            disconnect(token: token, at: now)
            return leave(session)
        case .report(let isOpen):
            report(isOpen, token: token)
        case .leave:
            sessions[token]?.isOver = session.completion != nil
            return leave(session)
        }
        return showPage(token: token, at: now)
    }

    private mutating func leave(_ session: Session) -> JSON {
        if takeExtraPage(.completeTariff) { return page("complete_tariff", of: session) }
        return redirect(session, to: appendingConnectToken(session.token, to: session.mint.callbackURL))
    }

    private func errorPage(_ session: Session) -> JSON {
        [
            "connect_token": .string(session.token), "route": "error", "live_mode": .bool(session.scope.live),
            "error_code": "provider_unavailable", "error_message": "Provider temporarily unavailable",
        ]
    }

    /// What every page has, without `actions` and `data`.
    private func page(_ route: String, of session: Session, namesSlot: Bool = true) -> JSON {
        let page: JSON = [
            "connect_token": .string(session.token), "route": .string(route), "live_mode": .bool(session.scope.live),
        ]
        guard namesSlot else { return page }
        return page.merging([
            "direction": .string(session.mint.slot.direction.rawValue),
            "type": .string(session.mint.slot.type.rawValue),
        ])
    }

    private func redirect(_ session: Session, to url: String) -> JSON {
        [
            "connect_token": .string(session.token), "route": "session_redirect",
            "live_mode": .bool(session.scope.live),
            "data": ["redirect_url": .string(url)],
        ]
    }

    /// The current page; an outcome page follows the connection as it is by now, and completes the session.
    private mutating func showPage(token: String, at now: Date) -> JSON {
        guard let current = sessions[token] else { return .null }
        if current.machine.route?.isOutcome == true {
            let connected = tariff(of: current)
            _ = sessions[token]?.machine.start(connected: connected?.draft.state)
            if let connected, current.completion == nil {
                complete(token, Completion(locationID: connected.locationID, action: .save), at: now)
            }
        }
        guard let session = sessions[token], let route = session.machine.route else { return .null }
        let dialect = dialect(of: session)
        let actions = route.actions(dialect, isReported: tariff(of: session)?.isReported == true).map(JSON.string)
        let envelope = page(route.name(dialect), of: session, namesSlot: route.namesSlot(dialect))
            .merging(["actions": .array(actions)])
        if route == .tariffSummary, dialect.isBusbar {
            return envelope.merging(tariffsSummary(session, dialect, at: now))
        }
        var data = pageData(route, session, at: now)
        if route == .tariffSummary, takeExtraPage(.reconnectRequired), let tariff = data["tariff"] {
            data = data.merging(["tariff": tariff.merging(["reconnect_required": true])])
        }
        return envelope.merging(["data": data])
    }

    private func pageData(_ route: ConnectRoute, _ session: Session, at now: Date) -> JSON {
        let answers = session.machine.answers
        let market = Market.of(answers.address)
        let chosen: JSON = answers.provider.map(provider) ?? .null
        let currency = JSON.string(market.currencyCode)
        switch route {
        case .postalAddressCapture:
            return ["postal_address": answers.address.json]
        case .providerSelect:
            let available = Provider.all.filter {
                $0.isAvailable(at: answers.address, type: session.machine.addressType)
            }
            return [
                "postal_address": answers.address.json,
                "providers": .array(available.map { provider(ProviderName($0)) }),
            ]
        case .providerNameCapture:
            return ["postal_address": answers.address.json, "provider": ["name": .string(answers.typedProviderName)]]
        case .tariffSelect:
            let tariffs: [JSON] = (answers.library ?? []).map {
                ["id": .string($0.id), "name": .string($0.name), "description": .string($0.description)]
            }
            return ["postal_address": answers.address.json, "provider": chosen, "tariffs": .array(tariffs)]
        case .tariffStructureSelect:
            let options = session.machine.structures.map { $0.name(inBusbar: dialect(of: session).isBusbar) }
            return ["provider": chosen, "options": .array(options.map(JSON.string))]
        case .rateFixedCapture:
            return ["currency_code": currency, "provider": chosen, "cost": .double(answers.cost)]
        case .rateTODCapture:
            return ["currency_code": currency, "provider": chosen, "hours": DayOfRates.rows(answers.hours)]
        case .rateAdvancedCapture:
            return ["currency_code": currency, "provider": chosen, "tariff": answers.advanced]
        case .regionSelect:
            return [
                "provider": chosen, "regions": .array(market.regions.map(JSON.string)),
                "region": .string(answers.region ?? ""),
            ]
        case .surchargeCapture:
            return [
                "currency_code": currency, "provider": chosen,
                "surcharge": [
                    "fixed": .double(answers.surchargeFixed), "percentage": .double(answers.surchargePercentage),
                ],
            ]
        case .tariffNameCapture:
            return ["provider": chosen, "tariff": ["name": .string(answers.tariffName)]]
        case .contractTermCapture:
            var term = answers.term.json
            term["contract_term_type"] = nil
            return .object(term.merging(["provider": chosen]) { $1 })
        case .vppLanding:
            return ["tariff_connected": .bool(tariff(of: session)?.draft.state == .connected), "providers": []]
        case .greenBonusCapture:
            return ["provider": chosen, "green_bonus": ["share": 0]]
        case .tariffSummary:
            return tariff(of: session).map { summary($0.draft, at: now) } ?? .null
        case .tariffConnectionPending, .tariffConnectionFailed:
            guard let draft = tariff(of: session)?.draft else { return .null }
            return ["connection_type": .string(draft.connectionType.rawValue), "provider": provider(draft.provider)]
        }
    }

    private func summary(_ draft: TariffDraft, at now: Date) -> JSON {
        let market = Market.of(draft.address)
        let tariff: JSON = [
            "status": "CONNECTED", "name": .string(draft.name), "structure_type": .string(draft.structure.rawValue),
            "tiered": .bool(draft.schedule.isTiered),
        ]
        return [
            "connection_type": .string(draft.connectionType.rawValue), "currency_code": .string(market.currencyCode),
            "market_rates_source": .bool(draft.structure.usesMarketRates), "provider": provider(draft.provider),
            "tariff": tariff.merging(draft.term.json),
            "rates": draft.days(around: now) { row in
                ["tariff": ["cost": .double(row.value), "confidence": 1]]
            },
        ]
    }

    /// The Connect error object of upstream.md §4.5: its time has milliseconds and no zone.
    private mutating func connectError(_ refusal: Refusal, session: Session?, at now: Date) -> JSON {
        let context = (session?.machine.route).map { "connect." + $0.name(dialect(of: session)) } ?? "connect"
        var members: [String: JSON] = ["time_created": .string(Timestamp.withoutZone(now))]
        members["connect_token"] = (session?.token).map(JSON.string)
        return errorObject(refusal, context: context, live: session?.scope.live ?? false, at: now).merging(members)
    }

    // MARK: - The provider's pages

    /// The provider that a session waits for; nil for an unknown, expired or differently engaged session.
    func visit(_ token: String, at now: Date) -> (provider: Provider, connectURL: String)? {
        guard let session = sessions[token], session.expires > now, !session.isOver,
            let provider = session.machine.visiting
        else { return nil }
        return (provider, session.mint.connectURL)
    }

    /// Ends a visit and says where the customer goes; a nil state is a declined consent.
    mutating func endVisit(_ token: String, with state: ConnectionState?, at now: Date) -> String? {
        guard let visit = visit(token, at: now), var machine = sessions[token]?.machine else { return nil }
        let step = machine.returned(from: visit.provider, with: state)
        sessions[token]?.machine = machine
        if case .connect(let draft) = step { connect(draft, token: token, at: now) }
        return appendingConnectToken(token, to: visit.connectURL)
    }
}
