extension BFFError {
    /// The HTTP status of the answer.
    package var status: Int {
        switch self {
        case .malformedJSON, .malformedHeader, .connectTokenMissing: 400
        case .unauthenticated, .signatureInvalid: 401
        case .originNotAllowed: 403
        case .notFound, .connectTokenUnknown: 404
        case .methodNotAllowed: 405
        case .requestTimedOut: 408
        case .connectTokenUsed, .idempotencyInProgress: 409
        case .connectTokenExpired: 410
        case .bodyTooLarge: 413
        case .targetTooLong: 414
        case .unsupportedContentType: 415
        case .unknownField, .invalidField, .idempotencyKeyReused: 422
        case .upstreamRefused, .noPrices: 422
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
        case .malformedHeader: "header_malformed"
        case .headersTooLarge: "headers_too_large"
        case .targetTooLong: "target_too_long"
        case .requestTimedOut: "request_timeout"
        case .connectTokenMissing: "connect_token_missing"
        case .connectTokenUnknown: "connect_token_unknown"
        case .connectTokenUsed: "connect_token_used"
        case .connectTokenExpired: "connect_token_expired"
        case .upstreamUnreachable: "upstream_unreachable"
        case .upstreamTimedOut: "upstream_timeout"
        case .upstreamRefusedCredentials: "upstream_credentials_refused"
        case .upstreamRefused: "upstream_refused"
        case .upstreamBlocked: "upstream_blocked"
        case .noPrices(let gap): gap.rawValue
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

    /// The same for all errors of one code: what happened.
    package var title: String {
        switch self {
        case .malformedJSON: "The body is not valid JSON"
        case .bodyTooLarge: "The body is too large"
        case .unsupportedContentType: "The content type is not supported"
        case .unknownField: "The request holds a field that does not exist"
        case .invalidField: "A field of the request is not acceptable"
        case .unauthenticated: "The caller is not known"
        case .identityUnavailable: "The identity provider cannot be asked"
        case .signatureInvalid: "The delivery is not Flatpeak's"
        case .deliveryUncheckable: "The delivery cannot be checked at present"
        case .originNotAllowed: "Pages of this origin may not call here"
        case .rateLimited: "That was too often"
        case .notFound: "There is no such thing"
        case .methodNotAllowed: "The method is not allowed here"
        case .methodUnknown: "The method is not known"
        case .idempotencyInProgress: "The same request is under way"
        case .idempotencyKeyReused: "The key was used for another request"
        case .malformedHeader: "A header cannot be accepted"
        case .headersTooLarge: "The headers are too large"
        case .targetTooLong: "URI too long"
        case .requestTimedOut: "The request took too long to arrive"
        case .connectTokenMissing: "The connect token is missing"
        case .connectTokenUnknown: "The connect token is unknown"
        case .connectTokenUsed: "The session has ended"
        case .connectTokenExpired: "The connect token has expired"
        case .upstreamUnreachable: "Flatpeak cannot be reached"
        case .upstreamTimedOut: "Flatpeak did not answer in time"
        case .upstreamRefusedCredentials: "Flatpeak refused this server's credentials"
        case .upstreamRefused: "Flatpeak refused the request"
        case .upstreamBlocked: "A firewall blocked the call to Flatpeak"
        case .noPrices: "There are no prices"
        case .upstreamFailed: "Flatpeak failed"
        case .upstreamLimited: "Flatpeak asks to slow down"
        case .upstreamUnavailable: "Flatpeak is not asked at present"
        case .upstreamInvalidAnswer: "Flatpeak's answer could not be understood"
        case .upstreamModeDiffers: "Flatpeak's mode is not the one this server is set up for"
        case .upstreamVersionNotSupported: "API version not supported"
        case .loopDetected: "The request came back to this server"
        case .notReady: "This server is not ready"
        case .overloaded: "This server is busy"
        case .clientClosed: "The client left before the answer"
        case .storeUnavailable: "The session store cannot be asked"
        case .internalFailure: "Something went wrong in this server"
        }
    }

    /// What to do about this one.
    package var detail: String {
        switch self {
        case .malformedJSON: "Send one JSON object in UTF-8, without repeated or escaped field names at its top."
        case .bodyTooLarge(let limit): "Send at most \(limit.counted("byte"))."
        case .unsupportedContentType: "Send the body as application/json."
        case .unknownField(let name): "\(name.text) does not exist on this route; leave it out."
        case .invalidField(let name, let reason): "\(name.text) \(reason.rawValue)."
        case .unauthenticated: "Sign in and send the credentials that this server is set up for."
        case .signatureInvalid:
            "It needs one Flatpeak-Signature by a key of Flatpeak's, over Flatpeak-Timestamp and the body, not too old."
        case .originNotAllowed: "The operator has to add the page's origin to BFF_ALLOWED_ORIGINS."
        case .rateLimited(let seconds): "Try again in \(seconds.counted("second"))."
        case .notFound: "It does not exist, or it is not yours."
        case .methodNotAllowed: "Use one of the methods in the Allow header."
        case .methodUnknown: "Use GET, POST or DELETE."
        case .idempotencyInProgress: "Try again in a moment to get its answer."
        case .idempotencyKeyReused: "Make a new Idempotency-Key for each new request."
        case .malformedHeader:
            "Send HTTP/1.1 with one Host, by a name of this server's, no header with an underscore in its name and no Upgrade."
        case .headersTooLarge: "Send at most 16 KiB of them, 100 in number."
        case .targetTooLong: "Send a path and query of at most 8 KiB."
        case .requestTimedOut: "Send it again, all of it at once."
        case .connectTokenMissing: "Put the connect token that was minted for this session into connect_token."
        case .connectTokenUnknown: "This server never minted it. Start again from the app to get a new one."
        case .connectTokenUsed: "Each connect token is good for one session. Start again from the app."
        case .connectTokenExpired: "Start again from the app to get a new one."
        case .upstreamUnreachable, .upstreamTimedOut: "Try again in a moment."
        case .upstreamRefusedCredentials: "The operator has to check FLATPEAK_ACCOUNT_ID and FLATPEAK_API_KEY."
        case .upstreamRefused(let status, let code):
            "Flatpeak answered \(status)" + (code.map { " with the code \($0.text)" } ?? "") + "."
        case .upstreamBlocked(let status):
            "A page that is not Flatpeak's came with status \(status). The operator has to check what stands "
                + "between this server and Flatpeak."
        case .noPrices(.noTariffConnected): "No tariff is connected for this direction; connect one first."
        case .noPrices(.pendingConnect): "The provider has not answered yet."
        case .noPrices(.noPriceData): "Flatpeak cannot read the tariff's prices at present."
        case .upstreamFailed(let status): "Flatpeak answered \(status). Try again in a moment."
        case .upstreamLimited(let seconds): "Try again \(Self.later(seconds))."
        case .upstreamUnavailable(let seconds):
            "It failed too often just now. Try again in \(seconds.counted("second"))."
        case .upstreamInvalidAnswer: "Try again in a moment; if it stays, tell the operator the request id."
        case .upstreamModeDiffers: "The operator has to make FLATPEAK_MODE and the API key agree."
        case .upstreamVersionNotSupported:
            "The account was moved to a newer API version at Flatpeak. connect-bff doctor names it. The operator has to set "
                + "FLATPEAK_VERSION to it, with a release of connect-bff that has it."
        case .loopDetected: "The operator has to point FLATPEAK_CONNECT_URL at Flatpeak, not at this server."
        case .notReady:
            "It has not tried to log in yet, it is about to stop, or Flatpeak's mode is not the one it is set up for."
        case .identityUnavailable, .deliveryUncheckable, .overloaded, .storeUnavailable: "Try again in a moment."
        case .clientClosed: "Nobody reads this."
        case .internalFailure: "Try again; if it stays, tell the operator the request id."
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
