import Core
import Sessions

extension OwnedLocation {
    /// Reads the columns of a location.
    /// - Parameter quarantine: Takes an action that cannot be read, which counts as none.
    init?(id: String, required: String?, isHeld: Bool, _ quarantine: Quarantine) {
        guard let id = LocationID(id) else { return nil }
        let action = required.flatMap { RequiredAction(rawValue: $0) }
        if required != nil, action == nil { quarantine.add("location_action", id.text) }
        self.init(id, action: action, isHeld: isHeld)
    }
}

extension ConnectSession {
    /// The changes of locations that a write of the session may be: the store may have facts that the write lacks.
    var locationChanges: [StoreChange] {
        var changes: [StoreChange] = []
        if needsConfirmation || facts.located != nil { changes.append(.ownershipChanged(SubjectDigest(subject))) }
        if let held = needsConfirmation ? targetLocation : confirmedChange { changes.append(.locationChanged(held)) }
        return changes
    }
}
