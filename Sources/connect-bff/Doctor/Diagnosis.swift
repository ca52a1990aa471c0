import Core
import Flatpeak
import FoundationEssentials
import Networking

/// What the observations mean, and what to do: one cause is reported once, and checks that it hides are skipped.
struct Diagnosis {
    private(set) var findings: [Finding] = []

    /// Whether nothing has to be fixed.
    var isHealthy: Bool { !findings.contains { $0.verdict == .failed } }

    /// Seconds by which two clocks may differ.
    ///
    /// Webhooks are accepted within 300, tokens of an identity provider within 30.
    static let clockTolerance: TimeInterval = 30

    init(_ observations: Observations) {
        settings(observations)
        guard let known = observations.known else {
            for check in Finding.Check.allCases where check != .settings {
                skip(check, "not checked, since the settings cannot be used")
            }
            return
        }
        upstream(known)
        listeners(known)
        ingress(known)
        page(known)
        origins(known)
        if let examination = known.examination {
            flatpeak(examination, known)
        } else {
            for check in [Finding.Check.reach, .clock, .login, .mode, .version, .jwks] {
                skip(check, "Flatpeak was not called, since its address is our own")
            }
        }
        identity(known.identity)
        store(known.storeTrouble)
    }

    // MARK: - This machine

    private mutating func settings(_ observations: Observations) {
        for problem in observations.problems {
            fail(.settings, problem, "change this setting; README.md has them all")
        }
        for warning in observations.warnings { warn(.settings, warning, nil) }
        if findings.isEmpty { pass(.settings, "every setting is there and makes sense") }
    }

    private mutating func upstream(_ known: Observations.Known) {
        if let problem = known.selfUpstream {
            fail(.upstream, problem, "set it to Flatpeak's address; the web app's own variable is CONNECT_API_URL")
        } else {
            pass(.upstream, "FLATPEAK_API_URL and FLATPEAK_CONNECT_URL are not this service")
        }
    }

    private mutating func listeners(_ known: Observations.Known) {
        var isFine = true
        for (setting, address, state) in known.listeners {
            guard case .unusable(let why) = state else { continue }
            isFine = false
            fail(
                .listeners, "\(setting): \(address) cannot be listened on: \(why)",
                "stop the program that has it (`ss -ltnp` shows it), or set \(setting) to another address")
        }
        guard isFine else { return }
        if known.listeners.contains(where: { $0.state == .running }) {
            pass(.listeners, "this service runs at \(known.listeners[0].address)")
        } else if known.listeners.contains(where: { $0.state == .held }) {
            pass(.listeners, "systemd holds the service's socket, and the other address can be listened on")
        } else {
            pass(.listeners, "every address can be listened on")
        }
    }

    private mutating func ingress(_ known: Observations.Known) {
        switch known.ingress {
        case .unchecked(let why): skip(.proxy, why)
        case .lost:
            warn(
                .proxy, "a request for \(known.publicURL) from here does not come to this service",
                "check that the reverse proxy runs and passes to BFF_LISTEN, and that BFF_PUBLIC_URL is its address; "
                    + "some networks do not let a machine call its own public address")
        case .otherHeader(let header):
            fail(
                .proxy, "the proxy names the client in \(header), which is not read",
                "set BFF_FORWARDED_HEADER to \(header), or let the proxy set the header that it names")
        case .direct: pass(.proxy, "no proxy is between \(known.publicURL) and this service")
        case .forwarded(let proxy, isTrusted: true):
            pass(.proxy, "the proxy at \(proxy) is in BFF_TRUSTED_PROXIES, so each client counts as its own address")
        case .counted(isTrusted: true):
            pass(
                .proxy,
                "a request for \(known.publicURL) comes to the service that runs, and no proxy stands between that is not "
                    + "in BFF_TRUSTED_PROXIES")
        case .forwarded(let proxy, isTrusted: false): distrusted("the proxy at \(proxy)")
        case .counted(isTrusted: false): distrusted("a proxy between \(known.publicURL) and this service")
        }
    }

    private mutating func distrusted(_ proxy: String) {
        fail(
            .proxy,
            "\(proxy) is not in BFF_TRUSTED_PROXIES: all clients count as one address, and BFF_LIMIT_ADDRESS refuses "
                + "them together",
            "add its address, or the range of its network, to BFF_TRUSTED_PROXIES")
    }

    private mutating func page(_ known: Observations.Known) {
        switch known.hostedPage {
        case .off: pass(.page, "the hosted page is off")
        case .unchecked:
            skip(.page, "not checked, since no request for \(known.publicURL) is known to come to this service")
        case .reached: pass(.page, "a request for the hosted page comes to this service")
        case .lost:
            let meaning =
                "a request for \(known.publicURL)/connect does not come to this service: no customer gets the hosted page"
            let todo =
                "let the proxy pass /connect, /connect/, /connect.js and /connect.d.ts, as the files in deploy/ do; or set "
                + "BFF_CONNECT_PAGE to off"
            if known.mintsForHostedPage { fail(.page, meaning, todo) } else { warn(.page, meaning, todo) }
        }
    }

    private mutating func origins(_ known: Observations.Known) {
        for (app, origin) in known.unlistedOrigins {
            fail(
                .origins,
                "pages of the app \(app) come from \(origin), which BFF_ALLOWED_ORIGINS does not have: each of their "
                    + "calls is refused with 403",
                "add \(origin) to BFF_ALLOWED_ORIGINS, or leave that setting out: then the apps' own origins hold")
        }
        if known.unlistedOrigins.isEmpty { pass(.origins, "the pages of every web app may call") }
    }

    // MARK: - Flatpeak

    private mutating func flatpeak(_ examination: Examination, _ known: Observations.Known) {
        var isReached = true
        for (name, url, reach) in [
            (Setting.apiURL.variable, known.apiURL, examination.api),
            (Setting.connectURL.variable, known.connectURL, examination.connect),
        ] {
            guard case .fails(let obstacle) = reach else { continue }
            isReached = false
            fail(.reach, "\(name): \(url): \(Self.words(obstacle).meaning)", Self.words(obstacle).todo)
        }
        if case .fails(let obstacle) = examination.logos, let url = known.logosURL {
            isReached = false
            warn(
                .reach,
                "provider logos: \(url): \(Self.words(obstacle).meaning): customers see initials in their place",
                Self.words(obstacle).todo)
        }
        if isReached { pass(.reach, "Flatpeak's hosts answer") }
        guard case .answers(let date, let requestedAt) = examination.api else {
            for check in [Finding.Check.clock, .login, .mode, .version, .jwks] {
                skip(check, "not checked, since Flatpeak's API is not reached")
            }
            return
        }
        clock(date, requestedAt)
        login(examination, known)
        if let trouble = examination.keySetTrouble {
            fail(
                .jwks,
                "\(known.apiURL)/jwks.json has no keys for us (\(trouble)): webhooks cannot be checked, and are answered "
                    + "503",
                "look whether something between here and Flatpeak blocks or compresses that path; else ask Flatpeak's "
                    + "support"
            )
        } else {
            pass(.jwks, "Flatpeak's keys, by which its webhooks are checked, can be read")
        }
    }

    private mutating func clock(_ theirs: Date?, _ ours: Date) {
        guard let theirs else { return skip(.clock, "Flatpeak's answer has no Date") }
        let ahead = ours.timeIntervalSince(theirs)
        guard abs(ahead) > Self.clockTolerance else {
            return pass(.clock, "this machine's clock agrees with Flatpeak's")
        }
        fail(
            .clock,
            "this machine's clock is \(Int(saturating: abs(ahead).rounded())) s \(ahead > 0 ? "ahead of" : "behind") Flatpeak's: "
                + "webhooks and bearers are refused as too old, or as not valid yet",
            "turn on time synchronisation: `timedatectl set-ntp true`, or chrony")
    }

    private mutating func login(_ examination: Examination, _ known: Observations.Known) {
        var accepted: [Bool?] = []
        var errors: [BFFError] = []
        for key in examination.keys {
            switch key {
            case .accepted(let liveMode): accepted.append(liveMode)
            case .fails(let error): errors.append(error)
            }
        }
        if errors.contains(.upstreamVersionNotSupported) || examination.read == .upstreamVersionNotSupported {
            if accepted.isEmpty { skip(.login, "refused for the API version alone") }
            skip(.mode, "not checked, since the API version is refused")
            return version(examination.accountVersion, known)
        }
        guard !accepted.isEmpty else {
            let isRefused = errors.contains(.upstreamRefusedCredentials)
            if !isRefused, case .upstreamBlocked(let status)? = errors.last {
                blocked(.login, status)
                skip(.mode, "not checked without a login")
                return skip(.version, "not checked without a login")
            }
            fail(
                .login,
                isRefused
                    ? "Flatpeak refuses the account id or the key: nothing can be minted or read"
                    : "the login fails: \(errors.last?.title ?? "no answer")",
                isRefused
                    ? "compare FLATPEAK_ACCOUNT_ID and FLATPEAK_API_KEY with the dashboard; make a new key there if it is gone"
                    : "try again in a minute; if it stays so, ask Flatpeak's support")
            skip(.mode, "not checked without a login")
            return skip(.version, "not checked without a login")
        }
        for (index, key) in examination.keys.enumerated() where key == .fails(.upstreamRefusedCredentials) {
            let name = index == 0 ? Setting.apiKey.variable : Setting.nextAPIKey.variable
            warn(
                .login, "Flatpeak refuses \(name); the other key works", "remove the old key once the new one is in use"
            )
        }
        if errors.isEmpty { pass(.login, "Flatpeak accepts \(accepted.count == 1 ? "the key" : "both keys")") }
        mode(accepted, known)
        if case .upstreamBlocked(let status)? = examination.read {
            blocked(.version, status)
        } else if let error = examination.read {
            fail(
                .version, "the login works, and a read does not: \(error.title)",
                "look whether the account is enabled in the dashboard")
        } else {
            pass(.version, "Flatpeak speaks \(known.version.rawValue) with this account")
        }
    }

    /// - Parameter status: The status of the page that replaced Flatpeak's answer.
    private mutating func blocked(_ check: Finding.Check, _ status: Int) {
        fail(
            check,
            "a page that is not Flatpeak's comes with status \(status): a firewall or proxy blocks the call",
            "let this machine call the API host; the key itself was not judged")
    }

    /// - Parameter accounts: The account's version; `nil` when it is unknown.
    private mutating func version(_ accounts: FlatpeakVersion?, _ known: Observations.Known) {
        let refused =
            "the account was moved to a newer API version than \(known.version.rawValue), and Flatpeak refuses older "
            + "ones"
        guard let accounts else {
            return fail(
                .version, "\(refused); none that this release knows is answered",
                "install a newer release, and set FLATPEAK_VERSION to the account's (Dashboard, Settings, API versions)"
            )
        }
        let name = accounts.rawValue
        guard accounts.isPreview else {
            return fail(.version, "\(refused); \(name) is answered", "set FLATPEAK_VERSION to \(name), and restart")
        }
        fail(
            .version, "\(refused); \(name) is answered, which this release speaks as a preview",
            "set FLATPEAK_VERSION to \(name), and restart; docs/upgrade-flatpeak.md says what changes")
    }

    private mutating func mode(_ accepted: [Bool?], _ known: Observations.Known) {
        let word = { (isLive: Bool) in isLive ? "live" : "test" }
        guard let mode = known.mode else {
            return pass(
                .mode,
                accepted.first.flatMap { $0 }.map { "\(word($0)) mode; FLATPEAK_MODE asks for none" } ?? "not reported")
        }
        guard let other = accepted.compactMap(\.self).first(where: { $0 != (mode == .live) }) else {
            return pass(.mode, "\(mode.rawValue) mode, as FLATPEAK_MODE says")
        }
        fail(
            .mode, "FLATPEAK_MODE is \(mode.rawValue), and the key is one of \(word(other)) mode: nothing is minted",
            "set FLATPEAK_API_KEY to a key of \(mode.rawValue) mode, or FLATPEAK_MODE to \(word(other))")
    }

    private static func words(_ obstacle: HostReach.Obstacle) -> (meaning: String, todo: String) {
        switch obstacle {
        case .nameUnknown: ("the name is not known here", "check its spelling, and /etc/resolv.conf")
        case .refused: ("nothing listens there", "check the port, and that a firewall lets this machine out")
        case .noAnswer:
            (
                "no answer within 5 s",
                "check that a firewall lets this machine out to port 443, or set up its proxy's route"
            )
        case .certificate:
            (
                "its certificate is not trusted here: it has expired, is for another name, or its authority is unknown",
                "install ca-certificates; where a proxy opens TLS on purpose, name its authority in FLATPEAK_CA_FILE"
            )
        case .broken: ("the connection breaks", "try again; look at what is between this machine and Flatpeak")
        }
    }

    // MARK: - The rest

    private mutating func identity(_ identity: Observations.Identity) {
        switch identity {
        case .unused: pass(.identity, "BFF_AUTH does not use an identity provider's keys")
        case .usable: pass(.identity, "the identity provider's keys can be read")
        case .unreachable(let source, let why):
            let isEncoded = if case .encoded = why { true } else { false }
            fail(
                .identity, "\(source) cannot be read, \(why): users with a bearer get 503",
                isEncoded
                    ? "let the provider, or the proxy before it, answer uncompressed where Accept-Encoding is identity"
                    : "check BFF_JWT_JWKS_URL against the provider's `jwks_uri`, and that this machine may call it")
        case .useless(let source):
            fail(
                .identity, "\(source) has no key for RS256, PS256, ES256 or EdDSA: every bearer is refused",
                "check BFF_JWT_JWKS_URL against the provider's `jwks_uri`")
        }
    }

    private mutating func store(_ trouble: String?) {
        if let trouble {
            fail(
                .store, trouble,
                "name a database in BFF_DATABASE_URL that takes writes: a file in a writable folder with room on its disk, "
                    + "or a PostgreSQL that is reached directly or through a pooler in session mode")
        } else {
            pass(.store, "the store takes writes")
        }
    }

    // MARK: - Findings

    private mutating func pass(_ check: Finding.Check, _ meaning: String) {
        findings.append(Finding(check: check, verdict: .ok, meaning: meaning))
    }

    private mutating func warn(_ check: Finding.Check, _ meaning: String, _ todo: String?) {
        findings.append(Finding(check: check, verdict: .warning, meaning: meaning, todo: todo))
    }

    private mutating func fail(_ check: Finding.Check, _ meaning: String, _ todo: String) {
        findings.append(Finding(check: check, verdict: .failed, meaning: meaning, todo: todo))
    }

    private mutating func skip(_ check: Finding.Check, _ meaning: String) {
        findings.append(Finding(check: check, verdict: .skipped, meaning: meaning))
    }
}
