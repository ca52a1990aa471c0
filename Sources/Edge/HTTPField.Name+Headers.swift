package import HTTPTypes

/// Names of header fields for which HTTPTypes has no constant.
///
/// The one file of the service that unwraps by force: each name is a literal, and a test makes a name of every one.
extension HTTPField.Name {
    package static let flatpeakKeyID = known("Flatpeak-Key-ID")
    package static let flatpeakSignature = known("Flatpeak-Signature")
    package static let flatpeakTimestamp = known("Flatpeak-Timestamp")
    package static let forwarded = known("Forwarded")
    package static let idempotencyKey = known("Idempotency-Key")
    package static let lastEventID = known("Last-Event-ID")
    package static let rateLimit = known("RateLimit")
    package static let rateLimitPolicy = known("RateLimit-Policy")
    package static let referrerPolicy = known("Referrer-Policy")
    package static let refresh = known("Refresh")
    package static let secFetchDest = known("Sec-Fetch-Dest")
    package static let secFetchSite = known("Sec-Fetch-Site")
    package static let traceParent = known("traceparent")
    package static let xAccelBuffering = known("X-Accel-Buffering")
    package static let xForwardedFor = known("X-Forwarded-For")
    package static let xForwardedProto = known("X-Forwarded-Proto")
    package static let xFrameOptions = known("X-Frame-Options")
    package static let xRequestID = known("X-Request-Id")

    private static func known(_ literal: String) -> Self { Self(literal)! }
}
