import Core

/// What a client has read since more was written to it than the connection holds.
///
/// Pure: a client that takes some of it now and then makes progress, however slowly; one that takes none stalls.
package struct WriteProgress: Sendable {
    private let began: StoredInstant
    private var advanced: StoredInstant
    private var pending = Int.max

    /// More was written than the connection holds.
    package init(at now: ContinuousClock.Instant) {
        began = StoredInstant(now)
        advanced = began
    }

    /// Takes note of how much is still to be read.
    /// - Parameters:
    ///   - pending: Bytes that were written and not taken by the kernel, which frees its buffer by a third or so at a time.
    ///   - still: For how long nothing may be taken.
    ///   - behind: For how long in all there may be more than the connection holds.
    /// - Returns: Whether the client is given up.
    package mutating func isStalled(
        pending: Int, at now: ContinuousClock.Instant, still: Duration, behind: Duration
    ) -> Bool {
        if pending < self.pending { advanced = StoredInstant(now) }
        self.pending = pending
        return advanced.duration(to: now) > still || began.duration(to: now) > behind
    }
}
