import ConnectPage
import Edge
import Flatpeak
import Foundation
import Gateway
import HTTPTypes
import Keys
import Logging
import Networking
import Relay
import Resilience
import Sessions
import Telemetry
import TestSupport
import Testing

@testable import connect_bff

/// Settings, from the reader to the assembled service.
@Suite struct ServiceConfigurationTests {
    /// Every setting at a value that is not its default.
    private func withService(_ body: (ServiceConfiguration) async throws -> Void) async throws {
        let fixture = try SettingsFixture()
        defer { fixture.remove() }
        let environment = fixture.environment("BFF_LOG_LEVEL", "error")
        try await body(Settings.read(environment: environment, file: nil).service)
    }

    @Test func `reads every setting into its group`() async throws {
        try await withService { service in
            #expect(service.flatpeak.apiURL == "https://api.flatpeak.test")
            #expect(service.flatpeak.connectURL == "https://connect.flatpeak.test")
            #expect(service.flatpeak.credentials.keys.count == 2)
            #expect(service.flatpeak.mode == .test)
            #expect(service.flatpeak.certificateAuthorities != nil)
            #expect(service.listeners.address == .tcp(host: "127.0.0.1", port: 8081))
            #expect(service.listeners.admin == .tcp(host: "127.0.0.1", port: 9091))
            #expect(service.listeners.drain == .seconds(3))
            #expect(service.sessions.callbackURL == "https://bff.example/v1/connect/callback")
            #expect(
                service.sessions.apps == [
                    ConnectApp(name: "web", url: "https://app.example"), ConnectApp(hostedAt: "https://bff.example"),
                ])
            #expect(service.brand.name == "Daylight")
            #expect(service.brand.color == BrandColor("#0b6e4f"))
            #expect(service.brand.logo?.kind == .svg)
            #expect(service.brand.supportURL == "mailto:help@app.example")
            #expect(service.brand.privacyURL == "https://app.example/privacy")
            #expect(service.sessions.returnURLs == ["https://app.example/done"])
            #expect(service.sessions.sessionLife == 30 * 86400)
            #expect(service.sessions.idempotencyLife == 12 * 3600)
            #expect(service.edge.hosts == ["bff.example"])
            #expect(service.edge.origins == ["https://app.example", "https://bff.example"])
            #expect(service.edge.frameAncestors == ["https://app.example"])
            #expect(service.edge.trustedProxies.header == .forwarded)
            #expect(service.edge.rateLimits.mint?.count == 11)
            #expect(service.edge.rateLimits.relay?.count == 12)
            #expect(service.edge.rateLimits.address?.count == 13)
            #expect(service.edge.times.idle == .seconds(80))
            #expect(!service.edge.readsPlainCalls)
            #expect(service.authentication.jwt?.issuer == "https://id.example/")
            #expect(service.authentication.proxy?.header.canonicalName == "x-auth-request-user")
            #expect(service.authentication.serviceKeys?.inUse.isEmpty == false)
            #expect(service.authentication.writers == .users)
            #expect(service.store.keys?.count == 1)
            #expect(service.events?.url == "https://backend.example/events")
            #expect(service.telemetry.logLevel == .error)
            #expect(service.telemetry.logFormat == .text)
            #expect(service.telemetry.tracesURL == "https://collector.example/v1/traces")
        }
    }

    @Test func `assembles a service from every setting`() async throws {
        try await withService { service in
            let resources = ServiceResources(
                flatpeak: try PooledTransport(
                    api: service.flatpeak.apiURL, connect: service.flatpeak.connectURL, now: { .now }),
                others: HTTPTransport(clock: ContinuousClock()), store: InMemoryStore(),
                log: ServiceLog(service.telemetry), metrics: PrometheusRegistry())
            #expect(throws: Never.self) {
                try ConnectService.assemble(
                    service, resources, reloadingFrom: SettingsSource(environment: [:], file: nil))
            }
            await resources.flatpeak.shutdown()
            await resources.others.shutdown()
        }
    }
}
