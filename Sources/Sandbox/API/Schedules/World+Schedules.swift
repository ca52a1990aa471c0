import FoundationEssentials

/// Schedules by duration and by limit (upstream.md §6.6).
extension World {
    mutating func durationSchedule(_ call: APICall) throws(Refusal) -> JSON {
        let (location, fields, request) = try scheduleRequest(call)
        let minutes = try request.duration(fields)
        let curve = try curve(at: location, request.direction, call)
        let priced = curve.rows(from: request.window.start.epochSeconds, to: request.window.end.epochSeconds)
        let rows = priced.best(request.segment, seconds: minutes * 60)
        // A shorter schedule than asked for would be a wrong one (a choice: the documents do not say).
        guard rows.reduce(0, { $0 + $1.seconds }) == minutes * 60 else { throw .noPrices }
        return schedule("std", call.dialect.isZero ? "slot_time" : "schedule_duration", call).merging(
            try scheduleMembers(rows, request, call, ["duration": .int(minutes)], at: location),
            call.dialect.schedulesEchoRequest ? nextUpdate(of: curve, at: call.now) : [:])
    }

    mutating func limitSchedule(_ call: APICall) throws(Refusal) -> JSON {
        let (location, fields, request) = try scheduleRequest(call)
        guard let limit = try ScheduleRequest.Limit(fields) else {
            throw .invalid("limit_missing", "One of relative and absolute is required")
        }
        let curve = try curve(at: location, request.direction, call)
        let priced = curve.rows(from: request.window.start.epochSeconds, to: request.window.end.epochSeconds)
        guard !priced.isEmpty else { throw .noPrices }
        let rows = priced.within(limit.price(among: priced), request.segment)
        var echo: [String: JSON] = [:]
        for name in ["relative", "absolute"] { echo[name] = try fields.quantity(name).map(JSON.double) }
        return schedule("spl", call.dialect.isZero ? "slot_threshold" : "schedule_limit", call).merging(
            try scheduleMembers(rows, request, call, echo, at: location), nextUpdate(of: curve, at: call.now),
            ["duration": .int(rows.reduce(0) { $0 + $1.seconds } / 60)])
    }

    private func scheduleRequest(_ call: APICall) throws(Refusal) -> (Location, Fields, ScheduleRequest) {
        guard let location = location(try call.locationID(), in: call.scope) else { throw .notFound }
        let fields = try call.fields()
        return (
            location, fields,
            try ScheduleRequest(fields, call.dialect, zone: location.address.zone, now: call.now)
        )
    }

    private mutating func schedule(_ prefix: String, _ object: String, _ call: APICall) -> JSON {
        let prefixes = ["slot_time": "sta", "slot_threshold": "slt"]
        return envelope(prefixes[object] ?? prefix, object, call)
    }

    private func scheduleMembers(
        _ rows: [PriceCurve.Row], _ request: ScheduleRequest, _ call: APICall, _ echo: [String: JSON],
        at location: Location
    ) throws(Refusal) -> [String: JSON] {
        let direction = [call.dialect.scheduleDirection: JSON.string(request.direction.rawValue)]
        let data = rows.joined.map { row in
            call.dialect.average(row.value.roundedToFiveDecimals, confidence: row.confidence).merging([
                "start_time": .string(request.window.text(row.from)), "end_time": .string(request.window.text(row.to)),
            ]) { $1 }
        }
        let asked = JSON.object(request.window.json).merging(
            direction, echo, ["segment": .string(request.segment.rawValue)])
        var members = of(location).merging(direction) { $1 }.merging(try deviceMember(call, at: location)) { $1 }
        members["data"] = .array(data.map(JSON.object))
        if call.dialect.schedulesEchoRequest { members["request"] = asked }
        return members
    }
}

extension Refusal {
    static let noPrices = Refusal.unprocessable("no_price_data", "There are no prices for this time")
}
