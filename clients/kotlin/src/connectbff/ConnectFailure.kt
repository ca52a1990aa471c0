package connectbff

import java.io.IOException
import kotlin.time.Duration
import kotlinx.serialization.Serializable

/**
 * Why a call of [ConnectClient] has no result. Its text is for a developer, and never has a credential or a body.
 *
 * @property code what to decide by; codes that this client does not know are kept
 * @property status the HTTP status; 0 where there was no answer, or no request
 * @property detail what to do about it, for a developer
 * @property requestId what to give to support, where an answer named it
 * @property retryAfter when another try makes sense, where the service says so
 */
class ConnectFailure internal constructor(
    val code: ErrorCode,
    val status: Int,
    val detail: String,
    val requestId: String? = null,
    val retryAfter: Duration? = null,
    cause: IOException? = null,
) : Exception(listOfNotNull("$code: $detail", requestId?.let { "($it)" }).joinToString(" "), cause)

/** The code of an error. The service may add codes. */
@JvmInline
@Serializable
value class ErrorCode(val value: String) {
    override fun toString(): String = value

    companion object {
        /** There was no answer, in time or at all: a write may have arrived. */
        val NetworkError = ErrorCode("network_error")

        /** The answer is not the service's, such as the page of a captive portal. */
        val InvalidAnswer = ErrorCode("invalid_answer")

        // The service's own; openapi.yaml says what each one means.
        val JsonMalformed = ErrorCode("json_malformed")
        val HeaderMalformed = ErrorCode("header_malformed")
        val Unauthenticated = ErrorCode("unauthenticated")
        val OriginNotAllowed = ErrorCode("origin_not_allowed")
        val WritesNotAllowed = ErrorCode("writes_not_allowed")
        val NotFound = ErrorCode("not_found")
        val ConfirmationCodeUnknown = ErrorCode("confirmation_code_unknown")
        val MethodNotAllowed = ErrorCode("method_not_allowed")
        val ConfirmationRequired = ErrorCode("confirmation_required")
        val ConfirmationCodeUsed = ErrorCode("confirmation_code_used")
        val SessionForeign = ErrorCode("session_foreign")
        val IdempotencyInProgress = ErrorCode("idempotency_in_progress")
        val WriteOutcomeUnknown = ErrorCode("write_outcome_unknown")
        val ConfirmationCodeExpired = ErrorCode("confirmation_code_expired")
        val BodyTooLarge = ErrorCode("body_too_large")
        val ContentTypeUnsupported = ErrorCode("content_type_unsupported")
        val FieldUnknown = ErrorCode("field_unknown")
        val FieldInvalid = ErrorCode("field_invalid")
        val IdempotencyKeyReused = ErrorCode("idempotency_key_reused")
        val UpstreamRefused = ErrorCode("upstream_refused")
        val NoTariffConnected = ErrorCode("no_tariff_connected")
        val PostalAddressRequired = ErrorCode("postal_address_required")
        val PendingConnect = ErrorCode("pending_connect")
        val NoPriceData = ErrorCode("no_price_data")
        val InternalError = ErrorCode("internal_error")
        val UpstreamCredentialsRefused = ErrorCode("upstream_credentials_refused")
        val UpstreamBlocked = ErrorCode("upstream_blocked")
        val UpstreamInvalidAnswer = ErrorCode("upstream_invalid_answer")
        val UpstreamModeDiffers = ErrorCode("upstream_mode_differs")
        val ApiVersionNotSupported = ErrorCode("api_version_not_supported")
        val UpstreamUnreachable = ErrorCode("upstream_unreachable")
        val UpstreamFailed = ErrorCode("upstream_failed")
        val UpstreamLimited = ErrorCode("upstream_limited")
        val UpstreamUnavailable = ErrorCode("upstream_unavailable")
        val RateLimited = ErrorCode("rate_limited")
        val IdentityUnavailable = ErrorCode("identity_unavailable")
        val Overloaded = ErrorCode("overloaded")
        val StoreUnavailable = ErrorCode("store_unavailable")
        val UpstreamTimeout = ErrorCode("upstream_timeout")
    }
}

/** What an error of the service's (RFC 9457) has to say. */
@Serializable
internal class Problem(val code: ErrorCode, val detail: String? = null, val requestId: String? = null)
