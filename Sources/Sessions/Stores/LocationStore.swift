package import Core
package import FoundationEssentials

/// The durable store of the locations that sessions gave: the subjects that own each, the actions required there, and
/// whether an unconfirmed session holds it.
///
/// Every call either answers or throws `storeUnavailable`.
package protocol LocationStore: Sendable {
    /// Takes a location from the subject.
    /// - Returns: False when it was not the subject's.
    func unbind(_ location: LocationID, from subject: Subject) async throws(BFFError) -> Bool
    /// Lists the subject's own locations, sorted.
    func ownedLocations(of subject: Subject) async throws(BFFError) -> [OwnedLocation]
    /// Finds a location that is the subject's own; `nil` for any other.
    func ownedLocation(_ location: LocationID, of subject: Subject) async throws(BFFError) -> OwnedLocation?
    /// Lists at most `limit` subjects that own a location.
    func owners(of location: LocationID, limit: Int) async throws(BFFError) -> [Subject]

    /// Reads what clients follow at a location, whoever owns it.
    func state(of location: LocationID) async throws(BFFError) -> LocationState
    /// Reads the required actions at these locations; a location without one has no element.
    func actions(at locations: [LocationID]) async throws(BFFError) -> [LocationID: LocationAction]
    /// Removes the required action at a location, if it was known before `instant`.
    func clearAction(at location: LocationID, knownBefore instant: Date) async throws(BFFError)

    /// Detects changes of ownership and of actions that other processes committed and that the store is not notified of,
    /// and passes them to the callers of ``SessionStore/watch(_:)`` before it returns. Waits for no
    /// write and no other caller.
    /// - Returns: False when that cannot be decided now: what was read before may be out of date.
    func detectChanges() -> Bool
}

extension LocationStore {
    package func detectChanges() -> Bool { true }
}

/// A location of a subject's own.
package struct OwnedLocation: Equatable, Sendable {
    package let id: LocationID
    /// The action that is required at the location.
    package let action: RequiredAction?
    /// Whether a session that is not confirmed changed a tariff there: its reads are refused until that is settled.
    package let isHeld: Bool

    package init(_ id: LocationID, action: RequiredAction?, isHeld: Bool = false) {
        self.id = id
        self.action = action
        self.isHeld = isHeld
    }
}

/// What clients follow at a location.
package struct LocationState: Equatable, Sendable {
    /// When an event of Flatpeak's last said that prices there may differ; `nil` before the first.
    package let updatedAt: Date?
    /// The action that is required at the location.
    package let action: LocationAction?

    package init(updatedAt: Date?, action: LocationAction?) {
        self.updatedAt = updatedAt
        self.action = action
    }
}

/// An update of a location: prices there may differ from what was read before.
package struct LocationUpdate: Equatable, Sendable {
    package let location: LocationID
    /// When Flatpeak's event was processed.
    package let at: Date

    package init(_ location: LocationID, at now: Date) {
        self.location = location
        at = now
    }
}

/// An action that the user has to take about a tariff at a location.
package struct LocationAction: Equatable, Sendable {
    package let location: LocationID
    package let required: RequiredAction
    /// The tariff that Flatpeak's event names; `nil` when it names none.
    package let tariff: String?
    /// When Flatpeak's API confirmed it.
    package let since: Date

    package init(location: LocationID, required: RequiredAction, tariff: String?, since: Date) {
        self.location = location
        self.required = required
        self.tariff = tariff
        self.since = since
    }
}

/// An action that only the user can take.
package enum RequiredAction: String, Sendable, CaseIterable {
    /// Connect the tariff again: it expired, or its provider denies Flatpeak access.
    ///
    /// No other action takes its place.
    case reconnect
    /// Connect the tariff in the better way that has become possible.
    case upgrade
    /// Connect the tariff that follows: the contract ends soon.
    case renew
}
