import AsyncAlgorithms
import Logging
import ServiceLifecycle
import UnixSignals

/// Runs reloads one after another, on SIGHUP and every 15 seconds.
struct ReloadService: Service, CustomStringConvertible {
    typealias Reload = @Sendable (ReloadTrigger) async -> Void

    let reloads: [Reload]
    let logger: Logger
    let description = "reload"

    func run() async throws {
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        let ticks = AsyncTimerSequence(interval: .seconds(15), clock: .continuous)
        await run(
            triggers: merge(hangups.map { _ in ReloadTrigger.hangup }, ticks.map { _ in .tick })
                .cancelOnGracefulShutdown())
    }

    /// Runs every reload once for each trigger, until the triggers end.
    func run(triggers: some AsyncSequence<ReloadTrigger, any Error>) async {
        do {
            for try await trigger in triggers {
                for reload in reloads { await reload(trigger) }
            }
        } catch {
            logger.error("changed files are no longer read", metadata: ["bff.error_type": "\(type(of: error))"])
        }
    }
}
