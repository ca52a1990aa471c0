/// Coalesces concurrent runs of one piece of work: callers that arrive during a run share its result.
///
/// The work runs in a task of its own, not in that of the first caller: a caller that is cancelled returns at once, and
/// the work goes on. ``SingleFlight`` does this for many pieces of work, by key.
package struct CoalescedTask<Value: Sendable>: Sendable {
    private enum Key { case only }

    private let flight = SingleFlight<Key, Value>()

    package init() {}

    /// Returns the result of `work`, or of the run in progress; `nil` when the caller was cancelled first.
    package func value(_ work: @escaping @Sendable () async -> Value) async -> Value? {
        await flight.value(for: .only, work)
    }
}
