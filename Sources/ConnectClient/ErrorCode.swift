extension ConnectClient {
    /// What went wrong, by the stable codes of the service.
    ///
    /// Decide by these, not by texts.
    public struct ErrorCode: OpenEnumeration {
        /// The body is not JSON.
        public static let jsonMalformed = ErrorCode(rawValue: "json_malformed")
        /// The request is not valid HTTP.
        public static let headerMalformed = ErrorCode(rawValue: "header_malformed")
        /// The credentials are missing or not valid, also after a second try.
        public static let unauthenticated = ErrorCode(rawValue: "unauthenticated")
        /// A page of an origin that is not listed made a browser send this.
        public static let originNotAllowed = ErrorCode(rawValue: "origin_not_allowed")
        /// Only the integrator's backend may send this.
        public static let writesNotAllowed = ErrorCode(rawValue: "writes_not_allowed")
        /// It does not exist, or it is not the customer's.
        public static let notFound = ErrorCode(rawValue: "not_found")
        /// The session has no such code.
        ///
        /// Offer to connect again.
        public static let confirmationCodeUnknown = ErrorCode(rawValue: "confirmation_code_unknown")
        /// The path does not have this method.
        public static let methodNotAllowed = ErrorCode(rawValue: "method_not_allowed")
        /// A session that changed a tariff at the location was not confirmed.
        ///
        /// Confirm it, or mint with an action.
        public static let confirmationRequired = ErrorCode(rawValue: "confirmation_required")
        /// Another code has confirmed the session.
        ///
        /// Read it.
        public static let confirmationCodeUsed = ErrorCode(rawValue: "confirmation_code_used")
        /// The session came back in another browser.
        ///
        /// Mint again.
        public static let sessionForeign = ErrorCode(rawValue: "session_foreign")
        /// A request with the same key is in progress.
        public static let idempotencyInProgress = ErrorCode(rawValue: "idempotency_in_progress")
        /// The write may have reached Flatpeak.
        ///
        /// It is not sent again.
        public static let writeOutcomeUnknown = ErrorCode(rawValue: "write_outcome_unknown")
        /// The code has expired.
        ///
        /// Offer to connect again.
        public static let confirmationCodeExpired = ErrorCode(rawValue: "confirmation_code_expired")
        /// The body is larger than the route accepts.
        public static let bodyTooLarge = ErrorCode(rawValue: "body_too_large")
        /// The body is not declared as JSON.
        public static let contentTypeUnsupported = ErrorCode(rawValue: "content_type_unsupported")
        /// The service does not know a field of the request.
        ///
        /// The detail names it.
        public static let fieldUnknown = ErrorCode(rawValue: "field_unknown")
        /// A field is not valid.
        ///
        /// The detail names it.
        public static let fieldInvalid = ErrorCode(rawValue: "field_invalid")
        /// The key was used for another request.
        public static let idempotencyKeyReused = ErrorCode(rawValue: "idempotency_key_reused")
        /// Flatpeak refused the request.
        ///
        /// The detail says why.
        public static let upstreamRefused = ErrorCode(rawValue: "upstream_refused")
        /// The location has no tariff in this direction, and so no prices.
        public static let noTariffConnected = ErrorCode(rawValue: "no_tariff_connected")
        /// The provider has not delivered the tariff yet.
        public static let pendingConnect = ErrorCode(rawValue: "pending_connect")
        /// Flatpeak cannot read the prices now.
        public static let noPriceData = ErrorCode(rawValue: "no_price_data")
        /// The service failed.
        public static let internalError = ErrorCode(rawValue: "internal_error")
        /// Flatpeak rejected the service's API key.
        public static let upstreamCredentialsRefused = ErrorCode(rawValue: "upstream_credentials_refused")
        /// A firewall answered in Flatpeak's place.
        public static let upstreamBlocked = ErrorCode(rawValue: "upstream_blocked")
        /// Flatpeak's answer is not valid.
        public static let upstreamInvalidAnswer = ErrorCode(rawValue: "upstream_invalid_answer")
        /// Flatpeak is in live mode and the service is set up for test, or the reverse.
        public static let upstreamModeDiffers = ErrorCode(rawValue: "upstream_mode_differs")
        /// The account uses a newer API version at Flatpeak than the service.
        public static let apiVersionNotSupported = ErrorCode(rawValue: "api_version_not_supported")
        /// Flatpeak cannot be reached.
        public static let upstreamUnreachable = ErrorCode(rawValue: "upstream_unreachable")
        /// Flatpeak answered with a server error.
        public static let upstreamFailed = ErrorCode(rawValue: "upstream_failed")
        /// Flatpeak's rate limit is exceeded.
        public static let upstreamLimited = ErrorCode(rawValue: "upstream_limited")
        /// Recent calls to Flatpeak failed.
        public static let upstreamUnavailable = ErrorCode(rawValue: "upstream_unavailable")
        /// Flatpeak needs the mint's `postalAddress`.
        public static let postalAddressRequired = ErrorCode(rawValue: "postal_address_required")
        /// The customer has reached the rate limit.
        public static let rateLimited = ErrorCode(rawValue: "rate_limited")
        /// The identity provider's keys cannot be read.
        public static let identityUnavailable = ErrorCode(rawValue: "identity_unavailable")
        /// The service has too many requests in flight.
        public static let overloaded = ErrorCode(rawValue: "overloaded")
        /// The service's database is unavailable.
        public static let storeUnavailable = ErrorCode(rawValue: "store_unavailable")
        /// Flatpeak did not answer in time.
        public static let upstreamTimeout = ErrorCode(rawValue: "upstream_timeout")
        /// There was no answer: no connection, a connection that broke, or a deadline.
        ///
        /// No code of the service's.
        public static let networkError = ErrorCode(rawValue: "network_error")
        /// The answer is not what the contract says, such as the page of a proxy.
        ///
        /// No code of the service's.
        public static let invalidAnswer = ErrorCode(rawValue: "invalid_answer")

        /// The code as the service writes it.
        public let rawValue: String

        /// Takes any code, also one that this release does not list.
        public init(rawValue: String) { self.rawValue = rawValue }
    }
}
