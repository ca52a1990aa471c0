package import Core

/// A client's reference within one location: the name of a charging session or of a device.
///
/// Flatpeak has one set of references for the whole account. A reference goes there as `<location>.<reference>`, so that
/// no user can name another location's, and comes back without the location (upstream.md §6.6).
package struct ScopedReference: Hashable, Sendable, CustomStringConvertible {
    package let location: LocationID
    package let reference: ClientReference

    package init(_ reference: ClientReference, at location: LocationID) {
        self.reference = reference
        self.location = location
    }

    /// Reads a reference that Flatpeak gave; `nil` for one that is not of `location`.
    package init?(_ text: some StringProtocol, at location: LocationID) {
        // No identifier has a full stop: the first one ends the location.
        let parts = text.splitBytes(at: ".", maxSplits: 1)
        guard parts.count == 2, parts[0].equalsBytes(of: location.text), let reference = ClientReference(parts[1])
        else { return nil }
        self.init(reference, at: location)
    }

    /// The reference as Flatpeak has it: at most 129 bytes of `[A-Za-z0-9_.-]`.
    package var text: String { "\(location).\(reference)" }

    package var description: String { text }
}
