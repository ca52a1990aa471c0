import FoundationEssentials

/// Logins and connect tokens (upstream.md §1 to §3).
extension World {
    mutating func login(_ scope: Scope, at now: Date) -> JSON {
        [
            "bearer_token": .string(issueBearer(for: scope, at: now)), "expires_in": .int(Int(bearerLife)),
            "live_mode": .bool(scope.live),
        ]
    }

    mutating func mint(_ call: APICall) throws(Refusal) -> JSON {
        let body = try Self.body(of: call.request)
        let mint = try Mint(call.dialect == .zero ? Mint.renamed(body) : body)
        guard mint.slot.direction != .local || isLocalEnabled else {
            throw .invalid("tariff_direction_not_supported", "LOCAL is in beta and not enabled for this account")
        }
        let session = try mintSession(mint, scope: call.scope, at: call.now)
        return [
            "connect_token": .string(session.token), "expires_in": .int(Int(tokenLife)),
            "live_mode": .bool(call.scope.live),
        ]
    }

    func claim(_ query: FormFields, scope: Scope, at now: Date) throws(Refusal) -> JSON {
        guard let token = query["connect_token"], let session = sessions[token], session.scope == scope,
            session.expires > now
        else { throw .notFound }
        guard let completion = session.completion, let location = location(completion.locationID, in: scope) else {
            throw .unprocessable("connect_session_not_completed", "The Connect session is not completed")
        }
        var claim: [String: JSON] = [
            "id": .string(token), "object": "connect_token", "live_mode": .bool(scope.live),
            "location_id": .string(location.id),
            "price_available": .bool(tariff(of: session)?.draft.state == .connected),
            "time_created": .string(Timestamp.utc(session.created)),
            "time_expiry": .string(Timestamp.utc(session.expires)),
            "complete_action": .string(completion.action.rawValue),
        ]
        claim["location_reference_id"] = location.referenceID.map(JSON.string)
        claim["customer_id"] = location.customerID.map(JSON.string)
        claim["customer_reference_id"] = session.mint.customerReferenceID.map(JSON.string)
        return .object(claim)
    }
}
