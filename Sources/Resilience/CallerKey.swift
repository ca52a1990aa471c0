/// The principal on whose behalf shared capacity is used: equal keys share one allowance.
///
/// A 64-bit hash with a seed of this process. Two principals that collide share an allowance.
package struct CallerKey: Hashable, Sendable {
    private let hash: Int

    package init(_ principal: some Hashable) {
        hash = principal.hashValue
    }

    /// The service itself, for its probes.
    package static let probe = CallerKey("a probe of the service's own")
}
