import Core
import Sessions

extension OwnedLocation {
    /// Reads the columns of a location.
    /// - Parameter quarantine: Takes an action that cannot be read, which counts as none.
    init?(id: String, required: String?, _ quarantine: Quarantine) {
        guard let id = LocationID(id) else { return nil }
        let action = required.flatMap { RequiredAction(rawValue: $0) }
        if required != nil, action == nil { quarantine.add("location_action", id.text) }
        self.init(id, action: action)
    }
}

extension SessionWrite {
    /// The change of ownership that the write may be.
    var binding: StoreChange? {
        session.facts.located.map { _ in .ownershipChanged(SubjectDigest(session.subject)) }
    }
}
