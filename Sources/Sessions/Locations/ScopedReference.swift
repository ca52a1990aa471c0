package import Core

/// A client's reference of one owner within one location: the name of a charging session or of a device.
///
/// Flatpeak has one set of references for the whole account. A reference goes there as
/// `<location>.<owner>.<reference>`, so that no user can name another location's, nor another owner's of the same
/// location, and comes back as the reference alone (upstream.md §6.7).
package struct ScopedReference: Hashable, Sendable, CustomStringConvertible {
    package let location: LocationID
    package let owner: SubjectDigest
    package let reference: ClientReference

    package init(_ reference: ClientReference, of owner: SubjectDigest, at location: LocationID) {
        self.reference = reference
        self.owner = owner
        self.location = location
    }

    /// Reads a reference that Flatpeak gave; `nil` for one that is not the owner's at `location`.
    package init?(_ text: some StringProtocol, of owner: SubjectDigest, at location: LocationID) {
        // No part has a full stop. The owner's is compared as text: a number is read from more than one.
        let parts = text.splitBytes(at: ".", maxSplits: 2)
        guard parts.count == 3, parts[0].equalsBytes(of: location.text), parts[1].equalsBytes(of: owner.text),
            let reference = ClientReference(parts[2])
        else { return nil }
        self.init(reference, of: owner, at: location)
    }

    /// The reference as Flatpeak has it: at most 146 bytes of `[A-Za-z0-9_.-]`.
    package var text: String { "\(location).\(owner.text).\(reference)" }

    package var description: String { text }
}
