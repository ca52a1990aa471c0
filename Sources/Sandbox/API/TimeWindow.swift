import FoundationEssentials

/// `start_time` and `end_time` of a request, with or without an offset of their own (upstream.md §6.3).
struct TimeWindow: Equatable, Sendable {
    var start: Date
    var end: Date
    /// Seconds east of UTC in which the answer is written: that of `end_time`.
    var offset: Int

    /// - Parameters:
    ///   - standard: Where the window begins without a start; nil where one is required.
    ///   - days: The longest window, in days of the location's calendar, of which one can have 23 or 25 hours (a choice:
    ///     the documents do not say).
    init(_ fields: Fields, startingAt standard: Date? = nil, days: Int? = nil, zone: LocalZone) throws(Refusal) {
        let start = try Self.time("start_time", in: fields)
        guard let start = start?.date ?? standard else {
            throw .invalid("start_time_missing", "start_time is required")
        }
        guard let end = try Self.time("end_time", in: fields) else {
            throw .invalid("end_time_missing", "end_time is required")
        }
        self.start = start
        (self.end, offset) = end
        guard start < self.end else { throw .invalid("time_window_invalid", "end_time must be after start_time") }
        if let days {
            let shift = zone.offset(at: self.end.epochSeconds) - zone.offset(at: start.epochSeconds)
            guard self.end.timeIntervalSince(start) + Double(shift) <= Double(days) * 86_400 else {
                throw .invalid("time_window_invalid", "end_time must be after start_time by \(days) days at most")
            }
        }
    }

    /// A time of a request; nil where it is absent.
    static func time(_ name: String, in fields: Fields) throws(Refusal) -> (date: Date, offset: Int)? {
        guard let text = try fields.text(name) else { return nil }
        guard let time = Timestamp.parse(text) else {
            throw .invalid("\(name)_invalid", "\(name) must be an RFC 3339 timestamp")
        }
        return time
    }

    var json: [String: JSON] {
        ["start_time": .string(text(start.epochSeconds)), "end_time": .string(text(end.epochSeconds))]
    }

    /// An instant as the answer writes it.
    func text(_ instant: Int) -> String { Timestamp.local(instant, offset: offset) }
}

extension Direction {
    /// Reads IMPORT, EXPORT or LOCAL under the first of some names that is there.
    init(_ fields: Fields, _ names: [String], standard: Direction = .import) throws(Refusal) {
        for name in names {
            guard let text = try fields.text(name) else { continue }
            guard let direction = Direction(rawValue: text) else {
                throw .invalid("tariff_direction_invalid", "\(name) must be IMPORT, EXPORT or LOCAL")
            }
            self = direction
            return
        }
        self = standard
    }
}
