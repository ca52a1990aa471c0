package import Resilience

/// What holds for every client connection and request before it is routed.
package struct EdgeSettings: Sendable {
    /// The names under which the service is reached, in lower case and without a port; empty for any.
    package var hosts: Set<String>
    /// The origins whose scripts may read answers.
    package var origins: Set<String>
    /// The origins whose pages may frame the hosted Connect page.
    package var frameAncestors: Set<String> = []
    package var trustedProxies: TrustedProxies
    package var rateLimits: RateLimitSettings
    package var times = ConnectionTimes()
    /// Whether relayed calls that came whole and in the plain shape skip the complete request reader.
    package var readsPlainCalls = true
    package var capacity = Capacity()

    /// Requests that may be in flight at a time, so that those accepted keep their pace.
    ///
    /// A quarter as many may wait for a slot; more are refused at once.
    package struct Capacity: Sendable {
        /// Requests of the fast path: relayed calls.
        package var fastPath: Int
        /// Requests of the router.
        package var router: Int
        /// The longest wait for a slot.
        package var timeout: Duration

        package init(fastPath: Int = 1024, router: Int = 256, timeout: Duration = .milliseconds(100)) {
            self.fastPath = fastPath
            self.router = router
            self.timeout = timeout
        }
    }

    package init(
        hosts: Set<String> = [], origins: Set<String> = [], trustedProxies: TrustedProxies = TrustedProxies(),
        rateLimits: RateLimitSettings = RateLimitSettings()
    ) {
        self.hosts = hosts
        self.origins = origins
        self.trustedProxies = trustedProxies
        self.rateLimits = rateLimits
    }
}

/// Requests per period that a subject, a Connect session and a client address may make; `nil` is no limit.
package struct RateLimitSettings: Sendable {
    package var mint: RateLimit?
    package var relay: RateLimit?
    package var address: RateLimit?

    package init(mint: RateLimit? = nil, relay: RateLimit? = nil, address: RateLimit? = nil) {
        self.mint = mint
        self.relay = relay
        self.address = address
    }
}
