package import FoundationEssentials
package import Logging
import NIOCore
import Synchronization

/// A stateful emulator of api.flatpeak.com and connect.flatpeak.com.
///
/// With a provider's login pages and a control surface, each on its own port. Written from docs/upstream.md alone.
package final class Sandbox: Sendable {
    private struct Listening {
        var servers: [HTTPServer] = []
        var delivering: RepeatedTask?
        var addresses = Addresses(api: "", connect: "", control: "", provider: "")
    }

    let configuration: Configuration
    private let logger: Logger
    private let world: Mutex<World>
    let webhookKeys: WebhookKeys
    private let listening = Mutex(Listening())

    private init(_ configuration: Configuration, logger: Logger) {
        var world = World(configuration)
        webhookKeys = WebhookKeys(id: String(world.ids.next("wsk").dropFirst(4)))
        self.world = Mutex(world)
        self.configuration = configuration
        self.logger = logger
    }

    /// Opens the four ports; throws NIO's error when one is taken, and then none stays open.
    package static func start(_ configuration: Configuration, logger: Logger) async throws -> Sandbox {
        let sandbox = Sandbox(configuration, logger: logger)
        let hosts: [@Sendable (HTTPRequest) -> HTTPAnswer] = [
            { sandbox.answerAPI($0) }, { sandbox.answerConnect($0) }, { sandbox.answerControl($0) },
            { sandbox.answerProvider($0) },
        ]
        var servers: [HTTPServer] = []
        do {
            for (index, answer) in hosts.enumerated() {
                let port = configuration.port == 0 ? 0 : configuration.port + index
                // Ten thousand meter records are a few MiB.
                let limit = index == 0 ? 16 << 20 : 1 << 20
                servers.append(
                    try await HTTPServer.listen(
                        host: configuration.host, port: port, bodyLimit: limit, answer: answer))
            }
        } catch {
            for server in servers { await server.stop() }
            throw error
        }
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        let urls = servers.map { "http://\(host):\($0.port)" }
        let addresses = Addresses(api: urls[0], connect: urls[1], control: urls[2], provider: urls[3])
        sandbox.world.withLock { $0.providerHost = addresses.provider }
        let delivering = sandbox.startDelivering()
        sandbox.listening.withLock { [servers] in
            $0 = Listening(servers: servers, delivering: delivering, addresses: addresses)
        }
        logger.info("Sandbox listens", metadata: ["sandbox.api": "\(addresses.api)"])
        return sandbox
    }

    /// Where the hosts listen; still known after ``stop()``.
    package var addresses: Addresses { listening.withLock { $0.addresses } }

    /// Stops listening and closes every connection, whatever it is doing.
    package func stop() async {
        let servers = listening.withLock { listening in
            defer { listening.servers = [] }
            listening.delivering?.cancel()
            return listening.servers
        }
        for server in servers { await server.stop() }
    }

    // MARK: - Hosts

    private func answerAPI(_ request: HTTPRequest) -> HTTPAnswer {
        // The key is made outside the lock: it takes a while.
        let keySet = request.path == "/jwks.json" ? try? webhookKeys.keySet() : nil
        let answer = withWorld { $0.answerAPI(request, keySet: keySet, at: $1).dated($1) }
        logger.debug(
            "API answered", metadata: ["sandbox.path": "\(request.path)", "sandbox.status": "\(answer.status)"])
        return answer
    }

    private func answerConnect(_ request: HTTPRequest) -> HTTPAnswer {
        let answer = withWorld { $0.answerConnect(request, at: $1).dated($1) }
        logger.debug("Connect answered", metadata: ["sandbox.status": "\(answer.status)"])
        return answer
    }

    private func answerProvider(_ request: HTTPRequest) -> HTTPAnswer {
        withWorld { world, now in ProviderHost.answer(request, world: &world, at: now) }
    }

    /// Runs one step on the world, at the sandbox's time.
    func withWorld<Result: Sendable>(_ step: (inout World, Date) -> Result) -> Result {
        let now = configuration.now()
        return world.withLock { world in step(&world, now.addingTimeInterval(world.clockOffset)) }
    }

    // MARK: - Controls: what the control surface does, for tests in the same process

    /// The time on the sandbox's clock.
    package var now: Date { withWorld { $1 } }

    /// Sets the clock, which goes on from there.
    package func setClock(to date: Date) {
        let now = configuration.now()
        withWorld { world, _ in world.clockOffset = date.timeIntervalSince(now) }
    }

    /// Moves the clock by seconds, backwards when negative.
    package func advanceClock(by seconds: TimeInterval) { withWorld { world, _ in world.clockOffset += seconds } }

    /// Back to the clock of the configuration.
    package func resetClock() { withWorld { world, _ in world.clockOffset = 0 } }

    /// Ends every bearer now.
    package func expireBearers() { withWorld { world, _ in world.expireBearers() } }

    /// Ends a connect token now; false where it is unknown.
    package func expireToken(_ token: String) -> Bool {
        withWorld { world, now in
            world.sessions[token]?.expires = now
            return world.sessions[token] != nil
        }
    }

    /// Adds a fault behind those that are waiting.
    package func script(_ fault: Fault) { withWorld { world, _ in world.faults.append(fault) } }

    /// Forgets the faults that are not used up.
    package func clearFaults() { withWorld { world, _ in world.faults = [] } }

    /// Refuses a key at login, from now on; bearers that it fetched stay.
    package func refuseKey(_ key: String) { withWorld { world, _ in world.refuseKey(key) } }

    /// Accepts a key again, or a new one for the first account.
    package func acceptKey(_ key: String) {
        withWorld { world, _ in world.acceptKey(key, account: configuration.account) }
    }

    /// Adds an account, or a key to one.
    package func addAccount(_ id: String, key: String) {
        withWorld { world, _ in world.addAccount(id, key: key, version: configuration.accountVersion) }
    }

    /// What arrived at the API and the Connect host, the newest ten thousand.
    package func requests(_ operation: Operation? = nil) -> [RecordedRequest] {
        withWorld { world, _ in
            world.requests.entries.filter { operation == nil || $0.operation == operation }
        }
    }

    /// How many requests of an operation arrived, however many are remembered.
    package func requestCount(_ operation: Operation) -> Int {
        withWorld { world, _ in world.requests.counts[operation] ?? 0 }
    }

    /// Begins the list of requests, their numbers and counts anew.
    package func forgetRequests() { withWorld { world, _ in world.requests = RequestLog() } }

    /// Lets the pending connections at a location, or of a token's location, succeed or fail; false where none waits.
    package func settlePending(location: String? = nil, connectToken: String? = nil, succeeding: Bool) -> Bool {
        withWorld { world, now in
            world.settlePending(
                locationID: location, token: connectToken, as: succeeding ? .connected : .failed, at: now)
        }
    }

    /// Changes the mode for the requests to come.
    package func setMode(_ mode: Mode) { withWorld { world, _ in world.mode = mode } }

    /// Changes what follows on the answer to an older page.
    package func setOlderPages(_ olderPages: OlderPages) { withWorld { world, _ in world.olderPages = olderPages } }

    /// Sends a page of a kind `count` times, where it next fits.
    package func ask(for page: ExtraPage, count: Int = 1) { withWorld { world, _ in world.extraPages[page] = count } }

    /// Sets the default API version of every account, to an older one, too: only tests go back.
    package func setAccountVersion(_ version: String) { withWorld { world, _ in world.setVersion(version) } }

    /// Moves every account to a version, as its owner does; false where that would be a way back.
    package func upgradeAccounts(to version: String) -> Bool {
        withWorld { world, _ in world.upgrade(to: version) }
    }

    /// Seconds that bearers fetched from now on live.
    package func setBearerLife(_ seconds: TimeInterval) { withWorld { world, _ in world.bearerLife = seconds } }

    /// Seconds that connect tokens minted from now on live.
    package func setTokenLife(_ seconds: TimeInterval) { withWorld { world, _ in world.tokenLife = seconds } }

    /// Every session, the oldest first.
    package func sessions() -> [SessionState] {
        withWorld { world, _ in
            world.sessions.values.sorted { ($0.created, $0.token) < ($1.created, $1.token) }
                .map { SessionState($0, world.dialect(of: $0)) }
        }
    }

    /// Forgets everything, faults, clock and mode included; identifiers go on and never repeat.
    package func reset() {
        withWorld { world, _ in
            var fresh = World(configuration)
            fresh.ids = world.ids
            fresh.providerHost = world.providerHost
            world = fresh
        }
    }
}

extension Sandbox {
    /// One Connect session from the outside.
    package struct SessionState: Equatable, Sendable {
        package let connectToken: String
        package let account: String
        package let liveMode: Bool
        /// The page that the customer stands on; nil before the start.
        package let route: String?
        package let isCompleted: Bool
        /// Completed, and the customer has left.
        package let isOver: Bool
        package let location: String?
        /// How often the customer reported a wrong tariff.
        package let reports: Int
        package let expires: Date

        init(_ session: World.Session, _ dialect: Dialect) {
            connectToken = session.token
            account = session.scope.account
            liveMode = session.scope.live
            route = session.machine.route?.name(dialect)
            isCompleted = session.completion != nil
            isOver = session.isOver
            location = session.completion?.locationID
            reports = session.machine.reports
            expires = session.expires
        }
    }
}
