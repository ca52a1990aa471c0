package import HTTPTypes

/// Names of header fields for which HTTPTypes has no constant.
///
/// The one file of the service that unwraps by force: each name is a literal, and a test makes every one of them.
enum HeaderName: String, CaseIterable {
    case flatpeakKeyID = "Flatpeak-Key-ID"
    case flatpeakSignature = "Flatpeak-Signature"
    case flatpeakTimestamp = "Flatpeak-Timestamp"
    case forwarded = "Forwarded"
    case idempotencyKey = "Idempotency-Key"
    case lastEventID = "Last-Event-ID"
    case rateLimit = "RateLimit"
    case rateLimitPolicy = "RateLimit-Policy"
    case referrerPolicy = "Referrer-Policy"
    case refresh = "Refresh"
    case secFetchDest = "Sec-Fetch-Dest"
    case secFetchSite = "Sec-Fetch-Site"
    case traceParent = "traceparent"
    case xAccelBuffering = "X-Accel-Buffering"
    case xForwardedFor = "X-Forwarded-For"
    case xForwardedProto = "X-Forwarded-Proto"
    case xRequestID = "X-Request-Id"

    var field: HTTPField.Name { HTTPField.Name(rawValue)! }
}

extension HTTPField.Name {
    /// `Flatpeak-Key-ID`.
    package static let flatpeakKeyID = HeaderName.flatpeakKeyID.field
    /// `Flatpeak-Signature`.
    package static let flatpeakSignature = HeaderName.flatpeakSignature.field
    /// `Flatpeak-Timestamp`.
    package static let flatpeakTimestamp = HeaderName.flatpeakTimestamp.field
    /// `Forwarded`.
    package static let forwarded = HeaderName.forwarded.field
    /// `Idempotency-Key`.
    package static let idempotencyKey = HeaderName.idempotencyKey.field
    /// `Last-Event-ID`.
    package static let lastEventID = HeaderName.lastEventID.field
    /// `RateLimit`.
    package static let rateLimit = HeaderName.rateLimit.field
    /// `RateLimit-Policy`.
    package static let rateLimitPolicy = HeaderName.rateLimitPolicy.field
    /// `Referrer-Policy`.
    package static let referrerPolicy = HeaderName.referrerPolicy.field
    /// `Refresh`.
    package static let refresh = HeaderName.refresh.field
    /// `Sec-Fetch-Dest`.
    package static let secFetchDest = HeaderName.secFetchDest.field
    /// `Sec-Fetch-Site`.
    package static let secFetchSite = HeaderName.secFetchSite.field
    /// `traceparent`.
    package static let traceParent = HeaderName.traceParent.field
    /// `X-Accel-Buffering`.
    package static let xAccelBuffering = HeaderName.xAccelBuffering.field
    /// `X-Forwarded-For`.
    package static let xForwardedFor = HeaderName.xForwardedFor.field
    /// `X-Forwarded-Proto`.
    package static let xForwardedProto = HeaderName.xForwardedProto.field
    /// `X-Request-Id`.
    package static let xRequestID = HeaderName.xRequestID.field
}
