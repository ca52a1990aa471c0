/// The principal on whose behalf shared capacity is used: equal keys share one allowance.
///
/// A 64-bit hash that is seeded anew in each process. Two principals that agreed by chance would share an allowance.
package struct CallerKey: Hashable, Sendable {
    private let hash: Int

    package init(_ principal: some Hashable) {
        hash = principal.hashValue
    }

    /// The service itself, which probes.
    package static let probe = CallerKey("a probe of the service's own")
}
