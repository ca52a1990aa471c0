import Core
import Keys
import Resilience

/// The API token of one login; it never leaves the process.
struct Bearer: Sendable {
    let token: Secret
    /// When the background loop asks for the next one.
    let renewAt: ContinuousClock.Instant
    /// From here on a new one is waited for, unless the login is down.
    let staleAt: ContinuousClock.Instant
    let endsAt: ContinuousClock.Instant
    let requestedAt: ContinuousClock.Instant
    /// Distinguishes two tokens.
    let digest: [UInt8]

    /// - Parameters:
    ///   - expiresIn: Seconds, from the moment the login was asked for.
    ///   - jitter: From 0 up to, not including, 1; processes that started together do not renew together.
    init(token: Secret, expiresIn: Double, requestedAt: ContinuousClock.Instant, jitter: Double) {
        self.token = token
        digest = token.expose { Digest.sha256($0.utf8) }
        self.requestedAt = requestedAt
        endsAt = requestedAt + Duration(saturatingSeconds: expiresIn)
        staleAt = endsAt - Duration(saturatingSeconds: min(60, expiresIn / 10))
        renewAt = requestedAt + Duration(saturatingSeconds: expiresIn * (0.75 + jitter / 10))
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
    /// When a call's refusal last made us doubt the bearer, and whether that login is still to come.
    private var doubtedAt: ContinuousClock.Instant?
    private var isDoubted = false
    /// Bearers in a row that were refused without ever having worked.
    private var stillborn = 0

    /// Refusals of calls make one login in this time at the most, whoever is refused.
    private static let shortestDoubt = Duration.seconds(30)
    private static let longestDoubt = Duration.seconds(60)

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
        if isDoubted { return true }
        return held.map { now >= $0.bearer.renewAt } ?? true
    }

    /// When the background loop has to look again.
    func nextLogin(at now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        max(now, isDoubted ? now : held?.bearer.renewAt ?? now, notBefore ?? now)
    }

    mutating func loggedIn(_ bearer: Bearer, at now: ContinuousClock.Instant) {
        hasTried = true
        isTroubled = false
        outages.succeeded()
        notBefore = nil
        let wasDoubted = isDoubted
        isDoubted = false
        // A token that a call was refused with is replaced by any other one.
        let isReplacement = wasDoubted && held?.bearer.digest != bearer.digest
        if let held, held.bearer.endsAt >= bearer.endsAt, !isReplacement {
            // Flatpeak may give the same token to all who ask within its life; asking on would not change that.
            let left = now.duration(to: held.bearer.endsAt)
            let pause = max(.seconds(30), left / 2)
            // Another token that ends sooner is no reason to be without one when this one ends.
            notBefore = now + (held.bearer.digest == bearer.digest ? pause : min(pause, max(left, .seconds(1))))
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
            // The credentials are the trouble, and no call's refusal can be about more than that.
            isDoubted = false
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

    /// What a call does whose bearer was refused.
    enum Refusal {
        /// Try again with this one, which is newer.
        case use(Held)
        /// Log in, or join the login in flight, and look whether there is a newer one then.
        case logIn
        /// The refusal is about this call alone, as far as is known.
        case final
    }

    /// Upstream refused a call with the bearer of that number (I3).
    ///
    /// The bearer stays in use: what was refused may be one location, or a firewall's doing. One login at a time finds
    /// out, and only a different bearer replaces the one in hand.
    mutating func refused(_ number: Int, at now: ContinuousClock.Instant) -> Refusal {
        guard let held else { return .logIn }
        if held.number != number { return .use(held) }
        if isDoubted { return .logIn }
        // Bearers that never work are a matter of credentials, which only an operator mends.
        let interval = stillborn > 1 ? Self.longestDoubt : Self.shortestDoubt
        if let doubtedAt, doubtedAt.duration(to: now) < interval { return .final }
        if let notBefore, now < notBefore, isTroubled { return .final }
        if !held.isProven { stillborn += 1 }
        notBefore = nil
        doubtedAt = now
        isDoubted = true
        return .logIn
    }

    /// New credentials were accepted: what was decided about the old ones does not bind them.
    mutating func credentialsChanged() {
        held = nil
        notBefore = nil
        isDoubted = false
        doubtedAt = nil
        refusals.succeeded()
    }
}
