extension BFFError {
    /// The HTTP status of the answer.
    package var status: Int {
        switch self {
        case .malformedJSON, .malformedHeader, .connectTokenMissing: 400
        case .unauthenticated, .signatureInvalid: 401
        case .originNotAllowed, .writesNotAllowed: 403
        case .notFound, .connectTokenUnknown, .ticketUnknown, .confirmationCodeUnknown: 404
        case .methodNotAllowed: 405
        case .requestTimedOut: 408
        case .connectTokenUsed, .ticketUsed, .confirmationRequired, .confirmationCodeUsed, .sessionForeign,
            .idempotencyInProgress, .writeOutcomeUnknown:
            409
        case .connectTokenExpired, .ticketExpired, .confirmationCodeExpired: 410
        case .bodyTooLarge: 413
        case .targetTooLong: 414
        case .unsupportedContentType: 415
        case .unknownField, .invalidField, .idempotencyKeyReused: 422
        case .upstreamRefused, .noPrices, .postalAddressRequired: 422
        case .rateLimited: 429
        case .headersTooLarge: 431
        case .clientClosed: 499
        case .internalFailure: 500
        case .methodUnknown: 501
        case .upstreamRefusedCredentials, .upstreamBlocked, .upstreamInvalidAnswer, .upstreamModeDiffers,
            .upstreamUnreachable, .upstreamFailed:
            502
        case .upstreamLimited, .upstreamUnavailable, .upstreamVersionNotSupported, .notReady, .identityUnavailable,
            .deliveryUncheckable, .overloaded,
            .storeUnavailable:
            503
        case .upstreamTimedOut: 504
        case .loopDetected: 508
        }
    }

    /// The stable code that clients may rely on; `openapi.yaml` lists every one.
    package var code: String {
        switch self {
        case .malformedJSON: "json_malformed"
        case .bodyTooLarge: "body_too_large"
        case .unsupportedContentType: "content_type_unsupported"
        case .unknownField: "field_unknown"
        case .invalidField: "field_invalid"
        case .unauthenticated: "unauthenticated"
        case .identityUnavailable: "identity_unavailable"
        case .signatureInvalid: "signature_invalid"
        case .deliveryUncheckable: "delivery_uncheckable"
        case .originNotAllowed: "origin_not_allowed"
        case .rateLimited: "rate_limited"
        case .notFound: "not_found"
        case .methodNotAllowed: "method_not_allowed"
        case .methodUnknown: "method_unknown"
        case .idempotencyInProgress: "idempotency_in_progress"
        case .idempotencyKeyReused: "idempotency_key_reused"
        case .writeOutcomeUnknown: "write_outcome_unknown"
        case .writesNotAllowed: "writes_not_allowed"
        case .malformedHeader: "header_malformed"
        case .headersTooLarge: "headers_too_large"
        case .targetTooLong: "target_too_long"
        case .requestTimedOut: "request_timeout"
        case .connectTokenMissing: "connect_token_missing"
        case .connectTokenUnknown: "connect_token_unknown"
        case .connectTokenUsed: "connect_token_used"
        case .connectTokenExpired: "connect_token_expired"
        case .ticketUnknown: "ticket_unknown"
        case .ticketUsed: "ticket_used"
        case .ticketExpired: "ticket_expired"
        case .confirmationRequired: "confirmation_required"
        case .confirmationCodeUnknown: "confirmation_code_unknown"
        case .confirmationCodeUsed: "confirmation_code_used"
        case .confirmationCodeExpired: "confirmation_code_expired"
        case .sessionForeign: "session_foreign"
        case .upstreamUnreachable: "upstream_unreachable"
        case .upstreamTimedOut: "upstream_timeout"
        case .upstreamRefusedCredentials: "upstream_credentials_refused"
        case .upstreamRefused: "upstream_refused"
        case .upstreamBlocked: "upstream_blocked"
        case .noPrices(let gap): gap.rawValue
        case .postalAddressRequired: "postal_address_required"
        case .upstreamFailed: "upstream_failed"
        case .upstreamLimited: "upstream_limited"
        case .upstreamUnavailable: "upstream_unavailable"
        case .upstreamInvalidAnswer: "upstream_invalid_answer"
        case .upstreamModeDiffers: "upstream_mode_differs"
        case .upstreamVersionNotSupported: "api_version_not_supported"
        case .loopDetected: "loop_detected"
        case .notReady: "not_ready"
        case .overloaded: "overloaded"
        case .clientClosed: "client_closed"
        case .storeUnavailable: "store_unavailable"
        case .internalFailure: "internal_error"
        }
    }

    /// What happened: one short standard phrase for each code.
    package var title: String {
        switch self {
        case .malformedJSON: "Malformed JSON"
        case .bodyTooLarge: "Request body too large"
        case .unsupportedContentType: "Unsupported media type"
        case .unknownField: "Unknown field"
        case .invalidField: "Invalid field"
        case .unauthenticated: "Authentication required"
        case .identityUnavailable: "Identity provider unavailable"
        case .signatureInvalid: "Invalid webhook signature"
        case .deliveryUncheckable: "Webhook verification temporarily unavailable"
        case .originNotAllowed: "Origin not allowed"
        case .rateLimited: "Too many requests"
        case .notFound: "Not found"
        case .methodNotAllowed: "Method not allowed"
        case .methodUnknown: "Method not implemented"
        case .idempotencyInProgress: "Idempotency key in use"
        case .idempotencyKeyReused: "Idempotency key reused"
        case .writeOutcomeUnknown: "Write outcome unknown"
        case .writesNotAllowed: "Writes not allowed"
        case .malformedHeader: "Invalid request header"
        case .headersTooLarge: "Request header fields too large"
        case .targetTooLong: "URI too long"
        case .requestTimedOut: "Request timeout"
        case .connectTokenMissing: "Connect token missing"
        case .connectTokenUnknown: "Connect token unknown"
        case .connectTokenUsed: "Connect token already used"
        case .connectTokenExpired: "Connect token expired"
        case .ticketUnknown: "Ticket unknown"
        case .ticketUsed: "Ticket already used"
        case .ticketExpired: "Ticket expired"
        case .confirmationRequired: "Confirmation required"
        case .confirmationCodeUnknown: "Confirmation code unknown"
        case .confirmationCodeUsed: "Session already confirmed"
        case .confirmationCodeExpired: "Confirmation code expired"
        case .sessionForeign: "Session opened elsewhere"
        case .upstreamUnreachable: "Flatpeak unreachable"
        case .upstreamTimedOut: "Flatpeak timed out"
        case .upstreamRefusedCredentials: "Flatpeak credentials rejected"
        case .upstreamRefused: "Request rejected by Flatpeak"
        case .upstreamBlocked: "Call to Flatpeak blocked"
        case .noPrices: "No prices available"
        case .postalAddressRequired: "Postal address required"
        case .upstreamFailed: "Flatpeak server error"
        case .upstreamLimited: "Flatpeak rate limit exceeded"
        case .upstreamUnavailable: "Flatpeak temporarily unavailable"
        case .upstreamInvalidAnswer: "Invalid response from Flatpeak"
        case .upstreamModeDiffers: "Flatpeak mode mismatch"
        case .upstreamVersionNotSupported: "API version not supported"
        case .loopDetected: "Loop detected"
        case .notReady: "Service not ready"
        case .overloaded: "Service overloaded"
        case .clientClosed: "Client closed request"
        case .storeUnavailable: "Session store unavailable"
        case .internalFailure: "Internal server error"
        }
    }

    /// What to do about this error.
    package var detail: String {
        switch self {
        case .malformedJSON: "Send one JSON object in UTF-8, without repeated or escaped field names at its top level."
        case .bodyTooLarge(let limit): "Send at most \(limit.counted("byte"))."
        case .unsupportedContentType: "Send the body as application/json."
        case .unknownField(let name): "Remove the field \(name.text); this route does not have it."
        case .invalidField(let name, let reason): "\(name.text) \(reason.rawValue)."
        case .unauthenticated: "Sign in and send valid credentials."
        case .signatureInvalid:
            "Send one recent Flatpeak-Signature, made with a Flatpeak key over Flatpeak-Timestamp and the body."
        case .originNotAllowed: "The operator has to add the page's origin to BFF_ALLOWED_ORIGINS."
        case .rateLimited(let seconds): "Try again in \(seconds.counted("second"))."
        case .notFound: "Check the path and the id. The resource does not exist or belongs to another user."
        case .methodNotAllowed: "Use one of the methods in the Allow header."
        case .methodUnknown: "Use GET, POST, PUT or DELETE."
        case .idempotencyInProgress: "Try again in 1 second with the same key to get the answer of the first request."
        case .idempotencyKeyReused: "Use a new Idempotency-Key for each new request."
        case .writeOutcomeUnknown:
            "Check what Flatpeak has before you send the request again with a new Idempotency-Key. It may have reached "
                + "Flatpeak, and its outcome is not known."
        case .writesNotAllowed:
            "Send the request from your backend with a service key, or ask the operator to set BFF_USER_METERS=on."
        case .malformedHeader:
            "Send HTTP/1.1 with one Host header that names this server, no underscore in a header name, and no Upgrade."
        case .headersTooLarge: "Send at most 100 headers and 16 KiB of them."
        case .targetTooLong: "Send a path and query of at most 8 KiB."
        case .requestTimedOut: "Send the request again, without pauses."
        case .connectTokenMissing: "Put the session's connect token into connect_token."
        case .connectTokenUnknown: "Start again from the app to get a new one. This server did not mint the token."
        case .connectTokenUsed: "Start again from the app to get a new one. The token's session has ended."
        case .connectTokenExpired: "Start again from the app to get a new one."
        case .ticketUnknown: "Mint a new session. This server did not issue the ticket, or its session was removed."
        case .ticketUsed: "Mint a new session. Another document has exchanged the ticket."
        case .ticketExpired: "Mint a new session. The ticket's connect token has expired."
        case .confirmationRequired:
            "Confirm the session that changed a tariff at this location. Or mint one of the same direction and type, without "
                + "tariff_id: with the action edit, to type the tariff in, or disconnect; then confirm that."
        case .confirmationCodeUnknown:
            "Send the code of this session from its return URL or from connect.js. A newer visit may have replaced it."
        case .confirmationCodeUsed: "Read the session. It was confirmed with another code."
        case .confirmationCodeExpired:
            "Open the Connect page in the tab of the session again for a new code, or mint a new session."
        case .sessionForeign:
            "Mint a new session. The token of this one came back in another browser or tab than its own."
        case .upstreamUnreachable, .upstreamTimedOut: "Try again in a moment."
        case .upstreamRefusedCredentials: "The operator has to check FLATPEAK_ACCOUNT_ID and FLATPEAK_API_KEY."
        case .upstreamRefused(let status, let code):
            "Check the request against Flatpeak's API reference. Flatpeak answered \(status)"
                + (code.map { " with the code \($0.text)" } ?? "") + "."
        case .upstreamBlocked(let status):
            "The operator has to check the firewalls and proxies between this server and Flatpeak. One of them answered "
                + "\(status)."
        case .postalAddressRequired:
            "Send postal_address. Flatpeak makes no location without an address."
        case .noPrices(.noTariffConnected): "Connect a tariff for this direction first."
        case .noPrices(.pendingConnect): "Try again in 15 minutes. The provider has not answered yet."
        case .noPrices(.noPriceData): "Try again in 15 minutes. Flatpeak cannot read the tariff's prices."
        case .upstreamFailed(let status): "Try again in a moment. Flatpeak answered \(status)."
        case .upstreamLimited(let seconds): "Try again \(Self.later(seconds))."
        case .upstreamUnavailable(let seconds):
            "Try again in \(seconds.counted("second")). Recent calls to Flatpeak failed."
        case .upstreamInvalidAnswer:
            "Try again in a moment. If the error persists, report the request id to the operator."
        case .upstreamModeDiffers: "The operator has to set FLATPEAK_MODE to the mode of the API key."
        case .upstreamVersionNotSupported:
            "The operator has to set FLATPEAK_VERSION to the account's API version, which connect-bff doctor shows, and to run "
                + "a release of connect-bff that supports it."
        case .loopDetected: "The operator has to point FLATPEAK_CONNECT_URL at Flatpeak, not at this server."
        case .notReady:
            "Try again in 1 second. The service has not logged in yet, is shutting down, or its FLATPEAK_MODE is not "
                + "Flatpeak's."
        case .identityUnavailable(let seconds): "Try again in \(seconds.counted("second"))."
        case .deliveryUncheckable: "Send the webhook again in 30 seconds."
        case .overloaded, .storeUnavailable: "Try again in 1 second."
        case .clientClosed: "No action is needed. The client closed the connection before the response was complete."
        case .internalFailure: "Try again. If the error persists, report the request id to the operator."
        }
    }

    /// Seconds after which another try makes sense, for `Retry-After`.
    package var retryAfter: Int? {
        switch self {
        case .upstreamLimited(let seconds): seconds ?? 5
        case .upstreamUnavailable(let seconds), .rateLimited(let seconds): seconds
        // Flatpeak asks not to repeat such a request sooner (upstream.md §6.3).
        case .noPrices(.pendingConnect), .noPrices(.noPriceData): 15 * 60
        case .identityUnavailable(let seconds): seconds
        // As often as Flatpeak is asked whether it takes the version again.
        case .upstreamVersionNotSupported: 60
        case .notReady, .idempotencyInProgress, .overloaded, .storeUnavailable: 1
        case .deliveryUncheckable: 30
        default: nil
        }
    }
}
