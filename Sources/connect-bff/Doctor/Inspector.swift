import Core
import Edge
import Flatpeak
import FoundationEssentials
import Gateway
import Glibc
import Keys
import Logging
import NIOCore
import Networking
import Relay
import Sessions
import Store

/// Makes the observations: settings, sockets, ingress, Flatpeak, the identity provider, the store.
struct Inspector {
    let environment: [String: String]
    let file: String?
    let now: @Sendable () -> Date

    func observations() async -> Observations {
        var observations = Observations()
        let settings: Settings
        do throws(Settings.Invalid) {
            settings = try await Settings.read(environment: environment, file: file)
        } catch {
            observations.problems = error.problems
            observations.warnings = error.warnings
            return observations
        }
        observations.warnings = settings.warnings
        observations.known = await known(settings)
        return observations
    }

    private func known(_ settings: Settings) async -> Observations.Known {
        let service = settings.service
        var flatpeak = service.flatpeak
        // Logos are the hosted page's alone.
        if service.sessions.hostedPage == nil { flatpeak.logosURL = nil }
        let clock = EventLoopClock()
        let transport = HTTPTransport(clock: clock, certificateAuthorities: flatpeak.certificateAuthorities)
        // FLATPEAK_CA_FILE does not apply to the identity provider and to the service's own proxy.
        let others = HTTPTransport(clock: clock)
        let selfUpstream = SelfUpstream.problem(listen: service.listeners.address, flatpeak)
        let (listeners, ingress, hostedPage) = await listeners(settings, others)
        let known = Observations.Known(
            mode: flatpeak.mode, version: flatpeak.version, apiURL: flatpeak.apiURL,
            connectURL: flatpeak.connectURL, logosURL: flatpeak.logosURL, publicURL: settings.publicURL.text,
            selfUpstream: selfUpstream,
            listeners: listeners, ingress: ingress, hostedPage: hostedPage,
            mintsForHostedPage: service.sessions.apps.first?.isHosted == true,
            unlistedOrigins: unlistedOrigins(service),
            examination: selfUpstream == nil ? await flatpeak.examine(by: transport, now: now) : nil,
            identity: await identity(service.authentication.jwt, others),
            storeTrouble: await storeTrouble(service.store))
        await transport.shutdown()
        await others.shutdown()
        return known
    }

    // MARK: - Ingress

    private func listeners(
        _ settings: Settings, _ transport: HTTPTransport
    ) async -> (
        [(setting: String, address: String, state: Observations.ListenerState)], Observations.Ingress,
        Observations.HostedPage
    ) {
        var hostedPage = Observations.HostedPage.unchecked
        var ingress = Observations.Ingress.unchecked(why: "the service's address cannot be listened on")
        let adminState = await adminState(settings.service.listeners.admin, transport)
        let state: Observations.ListenerState
        let address = settings.service.listeners.address
        do {
            // systemd passes that socket to the service alone.
            if case .inherited = address {
                state = adminState == .running ? .running : .held
                ingress = .unchecked(why: "systemd holds the socket; start the service, and ask again")
            } else {
                let listener = try await ProbeListener(at: address)
                ingress = await self.ingress(settings, listener, transport)
                if ingress != .lost { hostedPage = await self.hostedPage(settings, listener, transport) }
                await listener.close()
                state = .free
            }
        } catch {
            // A document that no other server has.
            state =
                await answers(at: address, "/openapi.yaml", "title: connect-bff", transport)
                ? .running : .unusable(why: Self.words(error))
        }
        if state == .running {
            ingress = await countedIngress(settings, transport)
            if case .counted = ingress { hostedPage = await countedHostedPage(settings, transport) }
        }
        if settings.service.sessions.hostedPage == nil { hostedPage = .off }
        return (
            [
                (Setting.listen.variable, "\(address)", state),
                (Setting.adminListen.variable, "\(settings.service.listeners.admin)", adminState),
            ], ingress, hostedPage
        )
    }

    private func adminState(
        _ address: ListenAddress, _ transport: HTTPTransport
    ) async -> Observations.ListenerState {
        do {
            try await ProbeListener(at: address).close()
            return .free
        } catch {
            return await answers(at: address, "/metrics", "connect_bff_", transport)
                ? .running : .unusable(why: Self.words(error))
        }
    }

    /// Requests the public address while we listen in the service's place.
    private func ingress(
        _ settings: Settings, _ listener: ProbeListener, _ transport: HTTPTransport
    ) async -> Observations.Ingress {
        let mark = "doctor-\(ConnectService.randomBytes(8).hexadecimal)"
        _ = await transport.reach("\(settings.publicURL.text)\(Self.passedOn)?\(mark)", now)
        guard let visit = listener.visit(mark) else { return .lost }
        let sent = ForwardedHeader.allCases.filter { visit.head.contains("\r\n\($0.rawValue):") }
        if sent.isEmpty { return .direct }
        let proxies = settings.service.edge.trustedProxies
        guard sent.contains(proxies.header) else { return .otherHeader(sent[0].rawValue) }
        return .forwarded(by: visit.name, isTrusted: proxies.contains(visit.peer))
    }

    /// Requests the hosted page at the public address while we listen in the service's place.
    private func hostedPage(
        _ settings: Settings, _ listener: ProbeListener, _ transport: HTTPTransport
    ) async -> Observations.HostedPage {
        let mark = "doctor-\(ConnectService.randomBytes(8).hexadecimal)"
        _ = await transport.reach("\(settings.publicURL.text)\(ConnectApp.hostedPath)?\(mark)", now)
        return listener.visit(mark) == nil ? .lost : .reached
    }

    /// A path that every proxy passes on, and that needs authentication.
    private static let passedOn = "/v1/locations"

    /// Requests the public address while the service runs, and compares its counters before and after.
    private func countedIngress(_ settings: Settings, _ transport: HTTPTransport) async -> Observations.Ingress {
        let refused = #"connect_bff_requests_total{route="\#(Self.passedOn)",status="401"}"#
        let untrusted = "connect_bff_untrusted_forwarding_total"
        guard let before = await counts(settings, transport) else {
            return .unchecked(why: "the service runs, and its metrics cannot be read from here")
        }
        _ = await transport.reach("\(settings.publicURL.text)\(Self.passedOn)", now)
        guard let after = await counts(settings, transport), after(refused) > before(refused) else { return .lost }
        return .counted(isTrusted: after(untrusted) == before(untrusted))
    }

    /// Requests the hosted page at the public address while the service runs.
    private func countedHostedPage(
        _ settings: Settings, _ transport: HTTPTransport
    ) async -> Observations.HostedPage {
        let shown = #"connect_bff_requests_total{route="\#(ConnectApp.hostedPath)",status="200"}"#
        guard let before = await counts(settings, transport) else { return .unchecked }
        _ = await transport.reach("\(settings.publicURL.text)\(ConnectApp.hostedPath)", now)
        guard let after = await counts(settings, transport) else { return .unchecked }
        return after(shown) > before(shown) ? .reached : .lost
    }

    /// The value of each series of the running service; `nil` where its metrics cannot be read.
    private func counts(_ settings: Settings, _ transport: HTTPTransport) async -> ((String) -> Double)? {
        guard let metrics = await page("/metrics", at: settings.service.listeners.admin, transport) else { return nil }
        let lines = metrics.split(separator: "\n")
        return { series in
            lines.first { $0.hasPrefix("\(series) ") }.flatMap { Double($0.dropFirst(series.count + 1)) } ?? 0
        }
    }

    /// Whether this service answers on an address that is in use.
    private func answers(
        at address: ListenAddress, _ path: String, _ sign: String, _ transport: HTTPTransport
    ) async -> Bool {
        await page(path, at: address, transport)?.contains(sign) == true
    }

    private func page(_ path: String, at address: ListenAddress, _ transport: HTTPTransport) async -> String? {
        (try? await transport.document(path, at: address)).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func words(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        switch error.errnoCode {
        case EADDRINUSE: return "another program has it"
        case EACCES: return "this user may not"
        case EADDRNOTAVAIL: return "this machine has no such address"
        default: return unsafe String(cString: strerror(error.errnoCode))
        }
    }

    private func unlistedOrigins(_ service: ServiceConfiguration) -> [(app: String, origin: String)] {
        service.sessions.apps.compactMap { app in
            guard let origin = (try? WebAddress(app.url))?.origin, !service.edge.origins.contains(origin) else {
                return nil
            }
            return (app.name, origin)
        }
    }

    // MARK: - Others

    private func identity(_ jwt: Authentication.JWT?, _ transport: HTTPTransport) async -> Observations.Identity {
        // Reading the settings has checked a file.
        guard let jwt, case .url(let url) = jwt.keys else { return jwt == nil ? .unused : .usable }
        do throws(DocumentFailure) {
            let jwks = try await transport.document(at: url)
            return (try? IdentityKeySet(jwks: jwks))?.isEmpty == false ? .usable : .useless(source: url)
        } catch {
            return .unreachable(source: url, why: error)
        }
    }

    private func storeTrouble(_ settings: StoreSettings) async -> String? {
        let silent = Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() }
        do throws(StoreSettings.CannotOpen) {
            let store = try await settings.opened(silent)
            // Removes nothing, and needs everything that a write needs.
            let removed = try? await store.removeSessions(before: .distantPast, at: .distantPast)
            return removed == nil ? "the database cannot be reached, or takes no writes" : nil
        } catch {
            return error.problem
        }
    }
}
