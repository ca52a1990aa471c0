/// Everything that can go wrong in answering a request, with nothing in it that must stay secret.
///
/// Modules translate foreign errors into one of these at their edge; no upstream text, header value or token ever
/// enters. `BFFError+Answer.swift` derives status, code and wording from it.
package enum BFFError: Error, Hashable, Sendable {
    // The caller's doing.
    case malformedJSON
    case bodyTooLarge(limit: Int)
    case unsupportedContentType
    case unknownField(FieldName)
    case invalidField(FieldName, reason: Reason)
    case unauthenticated
    case identityUnavailable(retryAfter: Int)
    case signatureInvalid
    case deliveryUncheckable
    case originNotAllowed
    case rateLimited(retryAfter: Int)
    case notFound
    case methodNotAllowed
    case methodUnknown
    case idempotencyInProgress
    case idempotencyKeyReused
    case writeOutcomeUnknown
    case writesNotAllowed
    case malformedHeader
    case headersTooLarge
    case targetTooLong
    case requestTimedOut
    case connectTokenMissing
    case connectTokenUnknown
    case connectTokenUsed
    case connectTokenExpired
    case ticketUnknown
    case ticketUsed
    case ticketExpired
    case confirmationRequired
    case confirmationCodeUnknown
    case confirmationCodeUsed
    case confirmationCodeExpired
    case sessionForeign

    // Upstream's doing.
    case upstreamUnreachable
    case upstreamTimedOut
    case upstreamRefusedCredentials
    case upstreamRefused(status: Int, code: UpstreamCode?)
    case upstreamBlocked(status: Int)
    case noPrices(PriceGap)
    case postalAddressRequired
    case upstreamFailed(status: Int)
    case upstreamLimited(retryAfter: Int?)
    case upstreamUnavailable(retryAfter: Int)
    case upstreamInvalidAnswer
    case upstreamModeDiffers
    case upstreamVersionNotSupported

    // Ours.
    case loopDetected
    case notReady
    case overloaded
    case clientClosed
    case storeUnavailable
    case internalFailure

    /// What is wrong with a field; a closed set, so that no part of the value is echoed.
    package enum Reason: String, Sendable {
        case missing = "is required"
        case wrongType = "has the wrong type"
        case tooLong = "is too long"
        case tooMany = "has too many elements"
        case notListed = "is not one of the allowed values"
        case malformed = "is malformed"
        case notAllowed = "is not allowed for this caller"
        case excluded = "cannot be combined with the other fields given"
        case notTimestamp = "must be an RFC 3339 date and time, such as 2026-01-31T00:00:00Z"
        case notAfterStart = "must be later than start_time"
        case tooFarFromStart = "must be at most 90 days after start_time"
        case tooFarForSchedule = "must be at most 3 days after start_time"
        case longerThanWindow = "must not be longer than the time from start_time to end_time"
        case outOfRange = "is out of range"
        case noSlot = "is of a tariff whose direction and type Flatpeak does not name; leave it out"
        case notOfPath = "must be the location in the path, or absent"
    }

    /// Why Flatpeak has no prices, in its own codes (upstream.md §6.3).
    package enum PriceGap: String, Sendable, CaseIterable {
        case noTariffConnected = "no_tariff_connected"
        case pendingConnect = "pending_connect"
        case noPriceData = "no_price_data"
    }

    /// A field of a request, cut to 64 bytes of `[A-Za-z0-9_.-]` since an unknown one is the caller's text.
    package struct FieldName: Hashable, Sendable, ExpressibleByStringLiteral {
        package let text: String

        package init(_ text: String) {
            self.text = String(
                decoding: text.utf8.prefix(64).map {
                    $0.isWordByte || $0 == UInt8(ascii: ".") ? $0 : UInt8(ascii: "?")
                },
                as: UTF8.self)
        }

        package init(stringLiteral value: StaticString) {
            self.init("\(value)")
        }
    }

    /// A code from one of Flatpeak's error objects: `[a-z0-9_]`, at most 64 bytes, or it is dropped.
    package struct UpstreamCode: Hashable, Sendable {
        package let text: String

        package init?(_ text: String) {
            guard (1...64).contains(text.utf8.count),
                text.utf8.allSatisfy({ $0.isWordByte && !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) })
            else { return nil }
            self.text = text
        }
    }
}

extension BFFError: CustomStringConvertible {
    /// The public code alone.
    package var description: String { code }
}
