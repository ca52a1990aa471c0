import FoundationEssentials

/// Logins and connect tokens (upstream.md §1 to §3, §9).
extension World {
    mutating func login(_ call: APICall) -> JSON {
        let login: JSON = [
            call.dialect.bearer: .string(issueBearer(for: call.scope, at: call.now)),
            "live_mode": .bool(call.scope.live),
        ]
        return login.merging(
            call.dialect.expiry(.bearerExpiry, at: call.now.addingTimeInterval(bearerLife), after: bearerLife))
    }

    mutating func mint(_ call: APICall) throws(Refusal) -> JSON {
        let body = try Self.body(of: call.request)
        let mint =
            switch call.dialect.version {
            case .zero: try Mint(Mint.renamed(body))
            case .anode: try Mint(body)
            case .busbar: try Mint(busbar: body)
            }
        guard mint.slot.direction != .local || isLocalEnabled else {
            throw .invalid("tariff_direction_not_supported", "LOCAL is in beta and not enabled for this account")
        }
        let session = try mintSession(mint, call)
        let members: JSON =
            call.dialect.hasWholeSessions
            ? try whole(session, call.dialect)
            : ["connect_token": .string(session.token), "live_mode": .bool(call.scope.live)]
        return members.merging(call.dialect.expiry(.expiry, at: session.expires, after: tokenLife))
    }

    /// A session that is completed; BUSBAR's newer edition also has one that is not (a choice: the documents do not say).
    func claim(_ call: APICall) throws(Refusal) -> JSON {
        guard let token = call.id ?? call.query["connect_token"], let session = sessions[token],
            session.scope == call.scope, session.expires > call.now
        else { throw .notFound }
        let expiry: [String: JSON] = ["time_expiry": .string(Timestamp.utc(session.expires))]
        if call.dialect.readsOpenSessions { return try whole(session, call.dialect).merging(expiry) }
        guard let completion = session.completion, let location = location(completion.locationID, in: call.scope)
        else { throw .sessionNotCompleted }
        if call.dialect.isBusbar { return try whole(session, call.dialect).merging(expiry) }
        var claim: [String: JSON] = [
            "id": .string(token), "object": .string(call.dialect.sessionObject), "live_mode": .bool(call.scope.live),
            "location_id": .string(location.id), call.dialect.priceFlag: .bool(hasPrices(session)),
            "time_created": .string(Timestamp.utc(session.created)),
            "complete_action": .string(completion.action.rawValue),
        ]
        claim["location_reference_id"] = location.referenceID.map(JSON.string)
        claim["customer_id"] = location.customerID.map(JSON.string)
        claim["customer_reference_id"] = session.mint.customerReferenceID.map(JSON.string)
        return JSON.object(claim).merging(expiry)
    }

    /// A session as BUSBAR has it, without its end.
    private func whole(_ session: Session, _ dialect: Dialect) throws(Refusal) -> JSON {
        // A session of an older version may have no location yet.
        guard let location = session.completion?.locationID ?? session.mint.locationID else {
            throw .sessionNotCompleted
        }
        var members: [String: JSON] = [
            "id": .string(session.token), "location_id": .string(location), "object": .string(dialect.sessionObject),
            "live_mode": .bool(session.scope.live), dialect.priceFlag: .bool(hasPrices(session)),
            "time_created": .string(Timestamp.utc(session.created)), "connect_url": .string(session.mint.connectURL),
            "callback_url": .string(session.mint.callbackURL),
        ]
        members["device_id"] = session.mint.deviceID.map(JSON.string)
        members["provider_id"] = session.mint.providerID.map(JSON.string)
        return .object(members)
    }

    private func hasPrices(_ session: Session) -> Bool {
        session.completion != nil && tariff(of: session)?.draft.state == .connected
    }
}

extension Refusal {
    fileprivate static let sessionNotCompleted = unprocessable(
        "connect_session_not_completed", "The Connect session is not completed")
}
