import ServiceLifecycle

/// Work that runs as long as the service does, and is cancelled when it shuts down.
struct BackgroundWork: Service, CustomStringConvertible {
    let description: String
    private let work: @Sendable () async -> Void
    private let finish: @Sendable () async -> Void

    /// - Parameter finish: Runs after the work was cancelled.
    init(
        _ name: String, _ work: @escaping @Sendable () async -> Void,
        finish: @escaping @Sendable () async -> Void = {}
    ) {
        description = name
        self.work = work
        self.finish = finish
    }

    func run() async {
        await cancelWhenGracefulShutdown { [work] in await work() }
        await finish()
    }
}
