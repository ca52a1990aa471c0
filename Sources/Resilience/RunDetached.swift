/// Runs `work` in a task that outlives its caller: a caller that is cancelled returns at once, and the work goes on.
///
/// Tracing context and priority are the caller's.
/// - Parameter executor: Where it runs; nil for the threads of all tasks.
/// - Returns: The result of `work`; `nil` when the caller was cancelled first.
package func runDetached<Value: Sendable>(
    on executor: (any TaskExecutor)? = nil, _ work: @escaping @Sendable () async -> Value
) async -> Value? {
    let (result, continuation) = AsyncStream<Value>.makeStream(bufferingPolicy: .bufferingNewest(1))
    Task(executorPreference: executor) {
        continuation.yield(await work())
        continuation.finish()
    }
    for await value in result { return value }
    return nil
}
