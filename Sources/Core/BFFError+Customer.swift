extension BFFError {
    /// What a customer reads on the Connect page or in a browser, in two sentences or three.
    ///
    /// A customer has no request to mend and no setting to change: what they can do is try again, go back to the app, or
    /// report to the app's support which request failed. For developers there is ``code``, and ``detail`` under `/v1`.
    package var customerText: (title: String, detail: String) {
        switch self {
        case .connectTokenMissing:
            ("This page was opened without its link", "Start again from the app.")
        case .connectTokenUnknown, .ticketUnknown:
            ("This link is not valid", "Start again from the app to get a new one.")
        case .connectTokenUsed:
            ("This link was already used", "Start again from the app to get a new one.")
        case .ticketUsed:
            ("This link was already opened", "Go on where you opened it, or start again from the app.")
        case .connectTokenExpired, .ticketExpired:
            ("This link has expired", "Start again from the app to get a new one.")
        case .confirmationRequired:
            ("This place has to be confirmed", "Start again from the app.")
        case .confirmationCodeUnknown, .confirmationCodeExpired:
            ("This link has expired", "Start again from the app to get a new one.")
        case .confirmationCodeUsed:
            ("This session is already confirmed", "Go back to the app.")
        case .sessionForeign:
            ("This session was opened elsewhere", "Start again from the app.")
        case .bodyTooLarge:
            ("Your entry is too long", "Shorten it and try again.")
        case .requestTimedOut:
            ("The connection was too slow", "Try again.")
        case .rateLimited(let seconds):
            ("Too many attempts", "Try again in \(seconds.counted("second")).")
        case .upstreamLimited(let seconds):
            ("The tariff service is busy right now", "Try again \(Self.later(seconds)).")
        case .overloaded, .storeUnavailable, .notReady, .identityUnavailable, .deliveryUncheckable,
            .idempotencyInProgress:
            ("This service is busy right now", "Try again in a moment.")
        case .upstreamUnavailable(let seconds):
            ("The tariff service is not available right now", "Try again in \(seconds.counted("second")).")
        case .upstreamUnreachable:
            ("The tariff service cannot be reached right now", "Try again in a moment.")
        case .upstreamTimedOut:
            ("The tariff service did not answer in time", "Try again in a moment.")
        case .upstreamFailed, .upstreamInvalidAnswer:
            ("The tariff service failed", "Try again in a moment. \(Self.support)")
        case .upstreamRefused:
            ("The tariff service did not accept your entry", "Check what you entered and try again. \(Self.support)")
        case .noPrices(.noTariffConnected):
            ("No tariff is connected", "Connect one first.")
        case .noPrices:
            ("There are no prices yet", "Try again later.")
        case .malformedJSON, .unsupportedContentType, .unknownField, .invalidField, .unauthenticated, .signatureInvalid,
            .originNotAllowed, .notFound, .methodNotAllowed, .methodUnknown, .idempotencyKeyReused, .malformedHeader,
            .headersTooLarge, .targetTooLong, .writesNotAllowed, .writeOutcomeUnknown, .postalAddressRequired:
            ("This page could not be opened", "Start again from the app. \(Self.support)")
        case .upstreamRefusedCredentials, .upstreamBlocked, .upstreamModeDiffers, .upstreamVersionNotSupported,
            .loopDetected, .clientClosed, .internalFailure:
            ("Something went wrong", "Try again. \(Self.support)")
        }
    }

    private static let support = "If it happens again, send the request id to the app's support."

    /// When to try again.
    static func later(_ seconds: Int?) -> String { seconds.map { "in \($0.counted("second"))" } ?? "later" }
}
