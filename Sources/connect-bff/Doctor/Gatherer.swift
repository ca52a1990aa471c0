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

/// Finds the facts out: settings, sockets, the way in, Flatpeak, the identity provider, the store.
struct Gatherer {
    let environment: [String: String]
    let file: String?
    let now: @Sendable () -> Date

    func facts() async -> Facts {
        var facts = Facts()
        let settings: Settings
        do throws(Settings.Invalid) {
            settings = try await Settings.read(environment: environment, file: file)
        } catch {
            facts.problems = error.problems
            facts.warnings = error.warnings
            return facts
        }
        facts.warnings = settings.warnings
        facts.known = await known(settings)
        return facts
    }

    private func known(_ settings: Settings) async -> Facts.Known {
        let transport = HTTPTransport(certificateAuthorities: settings.certificateAuthorities)
        // The identity provider and our own front are not Flatpeak: FLATPEAK_CA_FILE says nothing about them.
        let others = HTTPTransport()
        let upstreams = [(Setting.apiURL, settings.flatpeak.apiURL), (.connectURL, settings.flatpeak.connectURL)]
        let selfUpstream = SelfUpstream.problem(listen: settings.listen, upstreams: upstreams)
        let (listeners, approach) = await listeners(settings, others)
        let known = Facts.Known(
            mode: settings.flatpeak.mode, version: settings.flatpeak.version, apiURL: settings.flatpeak.apiURL,
            connectURL: settings.flatpeak.connectURL, publicURL: settings.publicURL.text, selfUpstream: selfUpstream,
            listeners: listeners, approach: approach, strangeOrigins: strangeOrigins(settings),
            examination: selfUpstream == nil ? await settings.flatpeak.examine(by: transport, now: now) : nil,
            identity: await identity(settings.authentication.jwt, others), storeTrouble: await storeTrouble(settings))
        await transport.shutdown()
        await others.shutdown()
        return known
    }

    // MARK: - The way in

    private func listeners(
        _ settings: Settings, _ transport: HTTPTransport
    ) async -> ([(setting: String, address: String, state: Facts.ListenerState)], Facts.Approach) {
        var approach = Facts.Approach.untried(why: "the service's address cannot be listened on")
        let adminState = await adminState(settings, transport)
        let state: Facts.ListenerState
        do {
            // That socket is given to the service alone.
            if case .inherited = settings.listen {
                state = adminState == .running ? .running : .held
                approach = .untried(why: "systemd holds the socket; start the service, and ask again")
            } else {
                let room = try await ProbeListener(at: settings.listen)
                approach = await self.approach(settings, room, transport)
                await room.close()
                state = .free
            }
        } catch {
            // A contract that nobody else gives out.
            state =
                await answers(at: settings.listen, "/openapi.yaml", "title: connect-bff", transport)
                ? .running : .unusable(why: Self.words(error))
        }
        if state == .running { approach = await countedApproach(settings, transport) }
        return (
            [
                (Setting.listen.variable, "\(settings.listen)", state),
                (Setting.adminListen.variable, "\(settings.adminListen)", adminState),
            ], approach
        )
    }

    private func adminState(_ settings: Settings, _ transport: HTTPTransport) async -> Facts.ListenerState {
        do {
            try await ProbeListener(at: settings.adminListen).close()
            return .free
        } catch {
            return await answers(at: settings.adminListen, "/metrics", "connect_bff_", transport)
                ? .running : .unusable(why: Self.words(error))
        }
    }

    /// Asks for the public address while we listen in the service's place.
    private func approach(
        _ settings: Settings, _ room: ProbeListener, _ transport: HTTPTransport
    ) async -> Facts.Approach {
        let mark = "doctor-\(ConnectService.randomBytes(8).hexadecimal)"
        _ = await transport.reach("\(settings.publicURL.text)\(Self.passedOn)?\(mark)", now)
        guard let visit = room.visit(mark) else { return .lost }
        let sent = ForwardedHeader.allCases.filter { visit.head.contains("\r\n\($0.rawValue):") }
        if sent.isEmpty { return .direct }
        guard sent.contains(settings.trustedProxies.header) else { return .otherHeader(sent[0].rawValue) }
        return .forwarded(by: visit.name, isTrusted: settings.trustedProxies.contains(visit.peer))
    }

    /// A path that every proxy passes on, and the service refuses to strangers.
    private static let passedOn = "/v1/locations"

    /// Asks for the public address while the service runs, and looks what it counted.
    private func countedApproach(_ settings: Settings, _ transport: HTTPTransport) async -> Facts.Approach {
        let counts = { () async -> (refused: Double, untrusted: Double)? in
            guard let metrics = await page("/metrics", at: settings.adminListen, transport) else { return nil }
            let value = { (series: String) in
                metrics.split(separator: "\n").first { $0.hasPrefix("\(series) ") }
                    .flatMap { Double($0.dropFirst(series.count + 1)) } ?? 0
            }
            return (
                value(#"connect_bff_requests_total{route="\#(Self.passedOn)",status="401"}"#),
                value("connect_bff_untrusted_forwarding_total")
            )
        }
        guard let before = await counts() else {
            return .untried(why: "the service runs, and its page of metrics, which tells it, cannot be read from here")
        }
        _ = await transport.reach("\(settings.publicURL.text)\(Self.passedOn)", now)
        guard let after = await counts(), after.refused > before.refused else { return .lost }
        return .counted(isTrusted: after.untrusted == before.untrusted)
    }

    /// Whether a service of ours answers on an address that is taken.
    private func answers(
        at address: ListenAddress, _ path: String, _ sign: String, _ transport: HTTPTransport
    ) async -> Bool {
        await page(path, at: address, transport)?.contains(sign) == true
    }

    private func page(_ path: String, at address: ListenAddress, _ transport: HTTPTransport) async -> String? {
        guard case .tcp(let host, let port) = address else { return nil }
        let near = ["0.0.0.0": "127.0.0.1", "::": "::1"][host] ?? host
        let url = "http://\(near.contains(":") ? "[\(near)]" : near):\(port)\(path)"
        return (try? await transport.document(at: url)).map { String(decoding: $0, as: UTF8.self) }
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

    private func strangeOrigins(_ settings: Settings) -> [(app: String, origin: String)] {
        settings.sessions.apps.compactMap { app in
            guard let origin = (try? WebAddress(app.url))?.origin, !settings.allowedOrigins.contains(origin) else {
                return nil
            }
            return (app.name, origin)
        }
    }

    // MARK: - Others

    private func identity(_ jwt: Authentication.JWT?, _ transport: HTTPTransport) async -> Facts.Identity {
        // The settings have read a file already.
        guard let jwt, case .url(let url) = jwt.keys else { return jwt == nil ? .unused : .usable }
        do throws(DocumentFailure) {
            let jwks = try await transport.document(at: url)
            return (try? IdentityKeySet(jwks: jwks))?.isEmpty == false ? .usable : .useless(source: url)
        } catch {
            return .unreachable(source: url, why: error)
        }
    }

    private func storeTrouble(_ settings: Settings) async -> String? {
        let silent = Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() }
        do throws(StateSettings.CannotOpen) {
            let store = try await settings.state.opened(silent)
            // Removes nothing, and needs all that a write needs.
            let removed = try? await store.removeSessions(before: .distantPast, at: .distantPast)
            return removed == nil ? "the database cannot be reached, or takes no writes" : nil
        } catch {
            return error.problem
        }
    }
}
