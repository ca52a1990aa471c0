import Core
import Synchronization

/// The API token of one login; it never leaves the process.
struct Bearer: Sendable {
    let token: Secret
    let liveMode: Bool?
    /// From here on it is not used any more: some time before Flatpeak stops taking it.
    let staleAt: ContinuousClock.Instant

    /// - Parameter expiresIn: Seconds, from the moment the login was asked for.
    init(token: Secret, liveMode: Bool?, expiresIn: Double, askedAt: ContinuousClock.Instant) {
        self.token = token
        self.liveMode = liveMode
        let margin = min(60, expiresIn / 10)
        staleAt = askedAt.advanced(by: .seconds(expiresIn - margin))
    }
}

/// The one owner of the bearer: logs in when there is none, once for everybody who waits.
actor BearerSource {
    private let login: @Sendable () async throws(BFFError) -> Bearer
    private let now: @Sendable () -> ContinuousClock.Instant
    private var current: (bearer: Bearer, generation: Int)?
    private var generation = 0
    /// Owned by the source, not by the caller that happened to come first: a caller who leaves cancels nothing.
    private var underWay: Task<Result<Bearer, BFFError>, Never>?

    init(
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        login: @escaping @Sendable () async throws(BFFError) -> Bearer
    ) {
        self.now = now
        self.login = login
    }

    /// A bearer that is good now, and the number under which to report that it was refused after all.
    func bearer() async throws(BFFError) -> (bearer: Bearer, generation: Int) {
        if let current, current.bearer.staleAt > now() { return current }
        let task =
            underWay
            ?? Task { [login] in
                do throws(BFFError) { return .success(try await login()) } catch { return .failure(error) }
            }
        underWay = task
        let result = await task.value
        // Everybody who waited comes through here; the first one puts the result in its place.
        if underWay == task {
            underWay = nil
            current = nil
            if case .success(let bearer) = result {
                generation += 1
                current = (bearer, generation)
            }
        }
        return (try result.get(), generation)
    }

    /// Upstream refused the bearer of that number.
    ///
    /// A newer one, which another call fetched meanwhile, stays.
    func refused(_ generation: Int) {
        if current?.generation == generation { current = nil }
    }
}
