import Core
package import FoundationEssentials

/// How much of a location's changes a client has seen.
///
/// As text it is the id of each event: the same for the same state, on every node and after every restart.
package struct LocationCursor: Equatable, Sendable {
    /// Milliseconds since 1970; `nil` before the first update.
    private var updatedAt: Int?
    private var action: Action?

    private struct Action: Equatable {
        let required: RequiredAction
        let since: Int
    }

    /// An event that a client has not seen.
    package enum Event: Equatable, Sendable {
        case updated(at: Date)
        case actionRequired(RequiredAction, at: Date)
    }

    /// The cursor of a client that has seen everything in `state`.
    package init(_ state: LocationState) {
        updatedAt = state.updatedAt.map(Self.milliseconds)
        action = Self.action(state)
    }

    /// Reads the id of an event; `nil` for any other text.
    package init?(_ text: String) {
        let parts = text.splitBytes(at: ".")
        guard parts.count == 1 || parts.count == 3, let updatedAt = Int(parts[0]) else { return nil }
        self.updatedAt = updatedAt > 0 ? updatedAt : nil
        if parts.count == 3 {
            guard let required = RequiredAction(rawValue: String(parts[1])), let since = Int(parts[2]) else {
                return nil
            }
            action = Action(required: required, since: since)
        }
    }

    /// `UPDATED`, or `UPDATED.ACTION.SINCE`.
    package var text: String {
        "\(updatedAt ?? 0)" + (action.map { ".\($0.required.rawValue).\($0.since)" } ?? "")
    }

    /// Moves on to `state`.
    /// - Returns: The events that lead there, each with the cursor of a client that has seen it.
    package mutating func advance(to state: LocationState) -> [(event: Event, cursor: LocationCursor)] {
        let end = LocationCursor(state)
        var events: [(event: Event, cursor: LocationCursor)] = []
        let isUpdated = updatedAt != end.updatedAt, isRequired = action != end.action
        updatedAt = end.updatedAt
        if isUpdated, let at = state.updatedAt { events.append((.updated(at: at), self)) }
        action = end.action
        if isRequired, let action = state.action {
            events.append((.actionRequired(action.required, at: action.since), self))
        }
        return events
    }

    private static func action(_ state: LocationState) -> Action? {
        state.action.map { Action(required: $0.required, since: milliseconds($0.since)) }
    }

    private static func milliseconds(_ date: Date) -> Int { Int(saturating: date.timeIntervalSince1970 * 1000) }
}

extension LocationCursor {
    /// The first cursor of a client.
    /// - Parameters:
    ///   - state: What the client can read now.
    ///   - lastSeen: The id of the last event that it saw; `nil` for a client that follows the location from now on.
    package init(_ state: LocationState, lastSeen: String?) {
        guard let lastSeen else {
            // An action that is required already is an event to a new client; an update before it came is none.
            self.init(LocationState(updatedAt: state.updatedAt, action: nil))
            return
        }
        // Whatever an id means that is not ours, changes may have been missed since.
        self = LocationCursor(lastSeen) ?? LocationCursor(LocationState(updatedAt: .distantPast, action: nil))
    }
}
