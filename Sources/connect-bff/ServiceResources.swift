import ArgumentParser
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
        let flatpeak = try flatpeakTransport(configuration.flatpeak)
        let store = try await configuration.store.open(log.logger)
        let resources = ServiceResources(
            flatpeak: flatpeak,
            others: HTTPTransport(clock: EventLoopClock(), connectionsPerHost: EventDelivery.Receiver.connections),
            store: store, log: log, metrics: metrics)
        do {
            try await use(resources)
        } catch {
            await resources.close()
            throw error
        }
        await resources.close()
    }

    private static func flatpeakTransport(_ settings: FlatpeakClient.Settings) throws -> PooledTransport {
        do {
            return try PooledTransport(
                api: settings.apiURL, connect: settings.connectURL, logos: settings.logosURL,
                certificateAuthorities: settings.certificateAuthorities, now: ServiceClock.real.now)
        } catch {
            throw ExitCode.cannotStart.after([
                "cannot use FLATPEAK_API_URL, FLATPEAK_CONNECT_URL or FLATPEAK_CA_FILE: \(error)"
            ])
        }
    }

    private func close() async {
        await flatpeak.shutdown()
        await others.shutdown()
    }
}
