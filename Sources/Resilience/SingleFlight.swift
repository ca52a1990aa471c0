/// Does one piece of work for everybody who wants its result at the same time.
///
/// The work belongs to the flight and not to whoever came first: a caller who is cancelled leaves at once and takes
/// nothing from the others.
package actor SingleFlight<Key: Hashable & Sendable, Value: Sendable> {
    private var waiting: [Key: [AsyncStream<Value>.Continuation]] = [:]

    package init() {}

    /// The result of `work`, or of the one that is under way for `key`; nil when the caller was cancelled before.
    package func value(for key: Key, _ work: @escaping @Sendable () async -> Value) async -> Value? {
        // A stream, unlike a task's value, lets go of whoever is cancelled.
        let (result, continuation) = AsyncStream<Value>.makeStream(bufferingPolicy: .bufferingNewest(1))
        if waiting[key] == nil {
            Task {
                let value = await work()
                for waiter in waiting.removeValue(forKey: key) ?? [] {
                    waiter.yield(value)
                    waiter.finish()
                }
            }
        }
        waiting[key, default: []].append(continuation)
        for await value in result { return value }
        return nil
    }
}
