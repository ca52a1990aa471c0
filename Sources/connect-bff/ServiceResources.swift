import Core
import Flatpeak
import Networking
import Relay
import Sessions
import Telemetry
import Webhooks

/// What an assembled service works with: the network, the store, the log and the metrics.
struct ServiceResources: Sendable {
    /// For calls to Flatpeak.
    let flatpeak: PooledTransport
    /// For the identity provider, the receiver of events and the collector of spans, to which `FLATPEAK_CA_FILE` does not
    /// apply.
    let others: HTTPTransport
    let store: any ServiceStore
    let log: ServiceLog
    let metrics: PrometheusRegistry

    /// Opens the store, and closes every connection after `use`.
    /// - Throws: What `use` throws, or an exit code, once standard error has the reason.
    static func open(
        _ configuration: ServiceConfiguration, _ log: ServiceLog, _ metrics: PrometheusRegistry,
        _ use: (ServiceResources) async throws -> Void
    ) async throws {
        let store = try await configuration.store.open(log.logger)
        let clock = EventLoopClock()
        let resources = ServiceResources(
            flatpeak: try PooledTransport(
                api: configuration.flatpeak.apiURL, connect: configuration.flatpeak.connectURL,
                certificateAuthorities: configuration.flatpeak.certificateAuthorities, now: ServiceClock.real.now),
            others: HTTPTransport(clock: clock, connectionsPerHost: EventDelivery.Receiver.connections), store: store,
            log: log, metrics: metrics)
        do {
            try await use(resources)
        } catch {
            await resources.close()
            throw error
        }
        await resources.close()
    }

    private func close() async {
        await flatpeak.shutdown()
        await others.shutdown()
    }
}
