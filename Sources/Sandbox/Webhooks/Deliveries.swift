import FoundationEssentials

extension Sandbox {
    /// How events are delivered (upstream.md §5.3), and what goes wrong with that.
    package struct DeliverySettings: Equatable, Sendable {
        /// Where to, by `http:` alone; nil delivers nothing.
        package var url: String?
        /// Each attempt has a signature of its own; else all have the first one's.
        package var isResigned = true
        /// The documented times count from the event; else each from the attempt before.
        package var isCumulative = true
        /// How often each attempt is sent.
        package var copies = 1
        /// What is due at the same time goes out newest first.
        package var isReordered = false
        /// Nothing goes out; it stays due.
        package var isHeld = false
        /// Attempts fail without being sent.
        package var isDown = false
        /// Seconds between the first signature and the first attempt, on the sandbox's clock.
        package var delay = 0.0
        package var signature = Signature.good

        package enum Signature: String, Sendable, CaseIterable {
            case good
            /// Flatpeak's word for "signing is unavailable" (upstream.md §5.4).
            case none
            /// By the right key, over other bytes.
            case bad
        }

        package init() {}
    }
}

/// Events on their way to the receiver.
struct Deliveries: Sendable {
    /// When attempts are made, in seconds (upstream.md §5.3).
    static let schedule: [TimeInterval] = [0, 30, 3600, 6 * 3600, 12 * 3600, 24 * 3600]
    /// Attempts under way at a time.
    private static let most = 32

    struct Attempt: Sendable {
        let at: Date
        /// 0 where there was no answer.
        let status: Int
        let milliseconds: Double

        var isGood: Bool { (200..<300).contains(status) }
    }

    struct Delivery: Sendable {
        let event: String
        /// The name of the API version in which the body is written.
        let version: String
        let isLive: Bool
        let body: [UInt8]
        let created: Date
        /// Nil when it is over, or an attempt is under way.
        var dueAt: Date?
        var attempts: [Attempt] = []
        /// The headers of the first attempt, for those that are not signed anew.
        var headers: [(name: String, value: String)]?

        var isDelivered: Bool { attempts.contains(where: \.isGood) }
    }

    var settings: Sandbox.DeliverySettings
    private(set) var all: [Delivery] = []
    private var inFlight = 0
    /// Those before this one are over.
    private var firstOpen = 0

    init(_ settings: Sandbox.DeliverySettings) {
        self.settings = settings
    }

    mutating func add(_ event: World.Event, after seconds: TimeInterval = 0) {
        guard settings.url != nil else { return }
        all.append(
            Delivery(
                event: event.id, version: event.version, isLive: event.scope.live, body: event.json.bytes,
                created: event.created, dueAt: event.created + settings.delay + seconds))
    }

    /// Sends an event again, as by hand from the Dashboard; false where it never was delivered to anybody.
    mutating func resend(_ event: String, at now: Date) -> Bool {
        guard let index = all.firstIndex(where: { $0.event == event }) else { return false }
        all[index].dueAt = now
        firstOpen = min(firstOpen, index)
        return true
    }

    /// Takes what is due; each one taken is followed by ``ended(_:_:)``.
    mutating func take(at now: Date) -> [(number: Int, delivery: Delivery)] {
        guard settings.url != nil, !settings.isHeld else { return [] }
        while firstOpen < all.count, all[firstOpen].dueAt == nil, all[firstOpen].isDelivered { firstOpen += 1 }
        var due = all.indices[firstOpen...].filter { all[$0].dueAt.map { $0 <= now } ?? false }
        due.sort { (all[$0].dueAt ?? now, $0) < (all[$1].dueAt ?? now, $1) }
        if settings.isReordered { due.reverse() }
        let taken = due.prefix(Self.most - inFlight)
        for number in taken { all[number].dueAt = nil }
        inFlight += taken.count
        return taken.map { ($0, all[$0]) }
    }

    mutating func keep(_ headers: [(name: String, value: String)], of number: Int) {
        if all.indices.contains(number), all[number].headers == nil { all[number].headers = headers }
    }

    mutating func ended(_ number: Int, _ attempt: Attempt) {
        inFlight = max(0, inFlight - 1)
        guard all.indices.contains(number) else { return }
        all[number].attempts.append(attempt)
        guard !attempt.isGood, all[number].attempts.count < Self.schedule.count else { return }
        let from = settings.isCumulative ? all[number].created + settings.delay : attempt.at
        all[number].dueAt = from + Self.schedule[all[number].attempts.count]
    }

    /// Counts, and the times of the attempts that were answered well.
    var summary: JSON {
        let times = all.flatMap(\.attempts).filter(\.isGood).map(\.milliseconds).sorted()
        let part = { (share: Double) -> JSON in
            times.isEmpty ? .null : .double(times[min(times.count - 1, Int(Double(times.count) * share))])
        }
        return [
            "events": .int(all.count), "delivered": .int(all.count(where: \.isDelivered)),
            "open": .int(all.count { $0.dueAt != nil || ($0.attempts.isEmpty) }),
            "attempts": .int(all.reduce(0) { $0 + $1.attempts.count }),
            "milliseconds": ["p50": part(0.5), "p99": part(0.99), "most": times.last.map(JSON.double) ?? .null],
        ]
    }
}

extension Deliveries.Delivery {
    var json: JSON {
        [
            "event": .string(event), "delivered": .bool(isDelivered), "next": JSON(dueAt.map(Timestamp.utc)),
            "attempts": .array(
                attempts.map { ["time": .string(Timestamp.utc($0.at)), "status": .int($0.status)] }),
        ]
    }
}
