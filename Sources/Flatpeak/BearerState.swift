import Core
import Resilience

/// The API token of one login; it never leaves the process.
struct Bearer: Sendable {
    let token: Secret
    /// When the background loop asks for the next one.
    let renewAt: ContinuousClock.Instant
    /// From here on a new one is waited for, unless the login is down.
    let staleAt: ContinuousClock.Instant
    let endsAt: ContinuousClock.Instant
    let askedAt: ContinuousClock.Instant

    /// - Parameters:
    ///   - expiresIn: Seconds, from the moment the login was asked for.
    ///   - jitter: From 0 up to, not including, 1; processes that started together do not renew together.
    init(token: Secret, expiresIn: Double, askedAt: ContinuousClock.Instant, jitter: Double) {
        self.token = token
        self.askedAt = askedAt
        endsAt = askedAt + Duration(saturatingSeconds: expiresIn)
        staleAt = endsAt - Duration(saturatingSeconds: min(60, expiresIn / 10))
        renewAt = askedAt + Duration(saturatingSeconds: expiresIn * (0.75 + jitter / 10))
    }
}

/// Which bearer is used, and when a login is due.
///
/// Pure: time comes in, what to do comes out.
struct BearerState: Sendable {
    /// A bearer and the number under which its fate is reported.
    struct Held: Sendable {
        let bearer: Bearer
        let number: Int
        /// Upstream took it at least once.
        var isProven = false
    }

    private(set) var held: Held?
    private var number = 0
    /// No login is asked for before this.
    private var notBefore: ContinuousClock.Instant?
    private(set) var lastError = BFFError.upstreamUnreachable
    /// Whether a login ended yet, in whatever way.
    private(set) var hasTried = false
    /// Whether the last login failed.
    private(set) var isTroubled = false
    /// For credentials that are refused: only an operator mends that.
    private var refusals = Backoff(first: .seconds(1), cap: .seconds(60))
    /// For a login that cannot be reached: it may be back any moment.
    private var outages = Backoff(first: .seconds(1), cap: .seconds(8))
    /// Bearers in a row that were refused without ever having worked.
    private var stillborn = 0

    enum Answer {
        case use(Held)
        /// Log in, or wait for the login that is under way, and ask again.
        case logIn
        case fail(BFFError)
    }

    /// A call wants a bearer.
    func requested(at now: ContinuousClock.Instant) -> Answer {
        if let held, now < held.bearer.staleAt { return .use(held) }
        if isLoginDue(at: now) { return .logIn }
        // The login is down, and the old bearer is still good.
        if let held, now < held.bearer.endsAt { return .use(held) }
        return .fail(lastError)
    }

    /// Whether to log in now; asked again by whoever does it, since another may just have done so.
    func isLoginDue(at now: ContinuousClock.Instant) -> Bool {
        if let notBefore, now < notBefore { return false }
        return held.map { now >= $0.bearer.renewAt } ?? true
    }

    /// When the background loop has to look again.
    func nextLogin(at now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        max(now, held?.bearer.renewAt ?? now, notBefore ?? now)
    }

    mutating func loggedIn(_ bearer: Bearer, at now: ContinuousClock.Instant) {
        hasTried = true
        isTroubled = false
        outages.succeeded()
        notBefore = nil
        if let held, held.bearer.endsAt >= bearer.endsAt {
            // Flatpeak may give the same token to all who ask within its life; asking on would not change that.
            let left = now.duration(to: held.bearer.endsAt)
            notBefore = now + max(.seconds(30), left / 2)
            return
        }
        number += 1
        held = Held(bearer: bearer, number: number)
    }

    mutating func loginFailed(_ error: BFFError, at now: ContinuousClock.Instant) {
        hasTried = true
        isTroubled = true
        lastError = error
        switch error {
        case .upstreamRefusedCredentials, .upstreamModeDiffers, .upstreamVersionNotSupported:
            notBefore = now + refusals.failed()
        default:
            notBefore = now + outages.failed()
        }
    }

    /// Upstream took the bearer of that number.
    mutating func worked(_ number: Int) {
        guard held?.number == number, held?.isProven == false else { return }
        held?.isProven = true
        stillborn = 0
        refusals.succeeded()
    }

    /// Upstream refused the bearer of that number; a newer one, which another call fetched meanwhile, stays.
    mutating func refused(_ number: Int, at now: ContinuousClock.Instant) {
        guard let held, held.number == number else { return }
        self.held = nil
        notBefore = nil
        // One that worked was revoked, and a login mends that. When one never did, nor the one after it, then a login
        // for each call that fails would be a storm.
        if held.isProven { return }
        stillborn += 1
        if stillborn > 1 { loginFailed(.upstreamRefusedCredentials, at: now) }
    }

    /// New credentials were accepted: what was decided about the old ones does not bind them.
    mutating func credentialsChanged() {
        held = nil
        notBefore = nil
        refusals.succeeded()
    }
}
