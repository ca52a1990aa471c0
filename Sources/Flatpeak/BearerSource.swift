package import Core
import Keys
import Logging
import Metrics
import Networking
import Resilience
import Synchronization

/// The account and its keys.
///
/// The second key is tried when the first is refused.
package struct Credentials: Sendable {
    package let account: Secret
    package let keys: [Secret]

    /// - Parameter keys: At least one.
    package init(account: Secret, keys: [Secret]) {
        precondition(!keys.isEmpty, "there is no login without a key")
        self.account = account
        self.keys = keys
    }
}

extension Credentials: Equatable {
    /// Compares digests, so that the time does not depend on the texts.
    package static func == (first: Credentials, second: Credentials) -> Bool { first.digest == second.digest }

    private var digest: [UInt8] {
        Digest.sha256(([account] + keys).map { secret in secret.expose { $0 } }.joined(separator: "\n").utf8)
    }
}

/// The one owner of the bearer: the driver of ``BearerState``.
final class BearerSource: Sendable {
    /// One login with one key.
    typealias Login = @Sendable (Secret, Secret) async throws(BFFError) -> Bearer

    private struct State {
        var bearer = BearerState()
        var credentials: Credentials
        /// Which credentials these are: a login with older ones that lands late changes nothing.
        var generation = 0
        /// The key that worked last.
        var key = 0
        var hasLoggedIn = false
    }
    private let state: Mutex<State>
    private let login: Login
    private let time: ServiceClock
    private let flight = CoalescedTask<Void>()
    private let logger: Logger
    /// An outage is logged as an error once a minute, however often the login is tried.
    private let alarm = Mutex(Throttle(interval: .seconds(60)))

    init(_ credentials: Credentials, time: ServiceClock, logger: Logger, login: @escaping Login) {
        state = Mutex(State(credentials: credentials))
        self.time = time
        self.logger = logger
        self.login = login
    }

    /// A bearer that is good now.
    func bearer() async throws(BFFError) -> BearerState.Held {
        while true {
            switch state.withLock({ $0.bearer.requested(at: time.now()) }) {
            case .use(let held): return held
            case .fail(let error): throw error
            case .logIn:
                await renew()
                if Task.isCancelled { throw .clientClosed }
            }
        }
    }

    func worked(_ number: Int) {
        state.withLock { $0.bearer.worked(number) }
    }

    /// A call with the bearer of that number was refused: finds out whether another bearer is to be had.
    /// - Returns: A different bearer to try once more; nil when the refusal is about that call alone.
    func replacement(for number: Int) async -> BearerState.Held? {
        switch state.withLock({ $0.bearer.refused(number, at: time.now()) }) {
        case .use(let held): return held
        case .final: return nil
        case .logIn:
            await renew()
            return state.withLock { $0.bearer.held }.flatMap { $0.number == number ? nil : $0 }
        }
    }

    /// Renews ahead of time, and logs in at start, until cancelled.
    func run() async {
        while !Task.isCancelled {
            await renew()
            let now = time.now()
            let next = state.withLock { $0.bearer.nextLogin(at: now) }
            // A login that is due again at once would be a bug; a second's pause keeps it from being a storm.
            guard (try? await time.sleep(max(.seconds(1), now.duration(to: next)))) != nil else { return }
        }
    }

    /// Replaces the credentials, if a login with them works; no call fails meanwhile.
    /// - Throws: Why the login failed; the old credentials stay in use.
    func adopt(_ credentials: Credentials) async throws(BFFError) {
        let (bearer, key) = try await logIn(credentials, from: 0)
        state.withLock { state in
            state.credentials = credentials
            state.generation += 1
            state.key = key
            state.hasLoggedIn = true
            state.bearer.credentialsChanged()
            state.bearer.loggedIn(bearer, at: time.now())
        }
    }

    /// Whether a login was tried, and did not end in the other mode: then nothing may be minted.
    var isReady: Bool {
        state.withLock { $0.bearer.hasTried && ($0.bearer.held != nil || $0.bearer.lastError != .upstreamModeDiffers) }
    }

    /// The status of the login, for operators.
    var status: LoginStatus {
        let now = time.now()
        return state.withLock { state in
            let held = state.bearer.held?.bearer
            return LoginStatus(
                age: held.map { $0.requestedAt.duration(to: now) },
                left: held.map { max(.zero, now.duration(to: $0.endsAt)) },
                key: state.hasLoggedIn ? state.key + 1 : 0,
                fingerprint: state.hasLoggedIn
                    ? state.credentials.keys[state.key].expose { Digest.fingerprint($0) } : nil,
                trouble: state.bearer.isTroubled ? state.bearer.lastError : nil)
        }
    }

    // MARK: - Logins

    /// Logs in if that is due; one at a time, whoever asks.
    private func renew() async {
        await flight.value { [self] in
            let (isDue, credentials, key, generation) = state.withLock { state in
                (state.bearer.isLoginDue(at: time.now()), state.credentials, state.key, state.generation)
            }
            guard isDue else { return }
            do throws(BFFError) {
                let (bearer, key) = try await logIn(credentials, from: key)
                state.withLock { state in
                    guard state.generation == generation else { return }
                    state.key = key
                    state.hasLoggedIn = true
                    state.bearer.loggedIn(bearer, at: time.now())
                }
            } catch {
                state.withLock { state in
                    if state.generation == generation { state.bearer.loginFailed(error, at: time.now()) }
                }
                // The gate of the version has said so.
                if error == .upstreamVersionNotSupported { return }
                var message: Logger.Message = "cannot log in to Flatpeak"
                if case .upstreamBlocked = error {
                    message = "a firewall or proxy blocks the login at Flatpeak; the credentials were not judged"
                }
                logger.log(
                    level: alarm.withLock { $0.isDue(at: time.now()) } ? .error : .debug, message,
                    metadata: ["bff.code": "\(error.code)", "bff.todo": "\(error.detail)"])
            }
        }
    }

    /// Logs in with the key that worked last; with the others when it is refused.
    private func logIn(_ credentials: Credentials, from first: Int) async throws(BFFError) -> (Bearer, Int) {
        for offset in credentials.keys.indices {
            let key = (first + offset) % credentials.keys.count
            do throws(BFFError) {
                let bearer = try await login(credentials.account, credentials.keys[key])
                return (bearer, key)
            } catch .upstreamRefusedCredentials {
                continue
            }
        }
        throw .upstreamRefusedCredentials
    }
}
