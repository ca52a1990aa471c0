import Core
import Sessions

/// A notification between the nodes of one database, as text: the node that sends it, a space, and what changed,
/// separated by commas.
///
/// A session is named by its id. `s=` is before the digest of a subject whose locations changed, and `l=` before a location
/// at which prices may have changed, or the required action did; a release that does not know these ignores them, since no id has `=`.
enum NodeNotification {
    private static let subject = "s=", location = "l="

    /// The text for a subject whose locations changed.
    static func ownership(of digest: SubjectDigest, by node: String) -> String {
        "\(node) \(subject)\(digest.text)"
    }

    /// The text for a location that changed.
    static func change(at id: LocationID, by node: String) -> String {
        "\(node) \(location)\(id.text)"
    }

    /// Reads the changes in a text.
    ///
    /// A node knows the sessions that it changes itself. Its own changes of locations count: it may have given up waiting
    /// for a transaction that was committed afterwards.
    /// - Parameter node: The one that receives it.
    static func changes(in text: String, to node: String) -> [StoreChange] {
        let parts = text.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return [] }
        var changes: [StoreChange] = []
        var sessions: [SessionID] = []
        for name in parts[1].split(separator: ",") {
            if name.hasPrefix(subject), let digest = SubjectDigest(name.dropFirst(subject.count)) {
                changes.append(.ownershipChanged(digest))
            } else if name.hasPrefix(location), let id = LocationID(name.dropFirst(location.count)) {
                changes.append(.locationChanged(id))
            } else if let id = SessionID(name) {
                sessions.append(id)
            }
        }
        if !sessions.isEmpty, parts[0] != node { changes.append(.changed(sessions)) }
        return changes
    }
}
