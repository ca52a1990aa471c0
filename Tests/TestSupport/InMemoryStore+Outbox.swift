package import Core
package import FoundationEssentials
package import Sessions

/// Events for the integrator.
extension InMemoryStore {
    package func put(_ events: [NewEvent]) async throws(BFFError) {
        try with { state in
            for event in events { state.put(event) }
        }
    }

    package func take(
        dueAt instant: Date, leasedUntil lease: Date, limit: Int, besides inFlight: [Subject]
    ) async throws(BFFError) -> [OutgoingEvent] {
        try with { state in
            let due = state.events.indices.filter { index in
                guard let dueAt = state.events[index].dueAt, dueAt <= instant else { return false }
                return !state.events.contains { $0.isWaitedFor(by: state.events[index]) }
            }
            var held = Dictionary(inFlight.map { ($0, 1) }, uniquingKeysWith: +)
            let taken = due.sorted { (state.events[$0].dueAt ?? lease, $0) < (state.events[$1].dueAt ?? lease, $1) }
                .filter { index in
                    guard let subject = state.events[index].event.subject else { return true }
                    held[subject, default: 0] += 1
                    return held[subject, default: 0] <= OutgoingEvent.share
                }
            return taken.prefix(limit).map { index in
                state.events[index].dueAt = lease
                return state.events[index].outgoing
            }
        }
    }

    package func settle(_ deliveries: [Delivery]) async throws(BFFError) {
        try with { state in
            for delivery in deliveries {
                guard let index = state.events.firstIndex(where: { $0.event.id == delivery.id }) else { continue }
                state.events[index].settle(delivery)
            }
        }
    }

    package func replay(since instant: Date, at now: Date) async throws(BFFError) -> Int {
        try with { state in
            let replayed = state.events.indices.filter { state.events[$0].event.at >= instant }
            for index in replayed {
                state.events[index].dueAt = now
                state.events[index].attempts = 0
                state.events[index].deliveredAt = nil
            }
            return replayed.count
        }
    }

    package func events(limit: Int) async throws(BFFError) -> [KeptEvent] {
        try with { state in
            state.events.reversed().prefix(limit).map { KeptEvent($0.outgoing, state: $0.state, answer: $0.answer) }
        }
    }

    package func eventCounts() async throws(BFFError) -> EventCounts {
        try with { state in
            EventCounts(
                pending: state.events.count { $0.state == .pending }, dead: state.events.count { $0.state == .dead })
        }
    }
}

extension InMemoryStore.Event {
    var outgoing: OutgoingEvent {
        OutgoingEvent(event, sequence: sequence, attempts: attempts, lease: dueAt ?? .distantPast)
    }

    var state: KeptEvent.State { dueAt != nil ? .pending : deliveredAt != nil ? .delivered : .dead }

    func isWaitedFor(by other: Self) -> Bool {
        guard let sequence, let otherSequence = other.sequence, event.session == other.event.session else {
            return false
        }
        return sequence < otherSequence && dueAt != nil && attempts < OutgoingEvent.headStart
    }

    mutating func settle(_ delivery: Delivery) {
        if case .delivered(let instant) = delivery.result {
            (dueAt, deliveredAt, answer) = (nil, instant, delivery.answer)
            return
        }
        guard dueAt == delivery.lease else { return }
        if case .failed(let instant) = delivery.result { dueAt = instant } else { dueAt = nil }
        attempts += 1
        answer = delivery.answer
    }
}
