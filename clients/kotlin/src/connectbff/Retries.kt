package connectbff

import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** When a request is sent again, and when a stream is opened again. */
internal object Retries {
    private const val ATTEMPTS = 3
    private val longestWait = 20.seconds
    private val longestPause = 30.seconds
    private val withRetryAfter = setOf(409, 422, 429, 503)

    /**
     * The pause before a request that may be repeated is sent again; `null` when its failure is final.
     *
     * @param attempts how often it was sent
     */
    fun pause(failure: ConnectFailure, attempts: Int): Duration? = when {
        attempts >= ATTEMPTS -> null
        failure.code == ErrorCode.NetworkError -> backoff(attempts)
        failure.status !in withRetryAfter -> null
        else -> failure.retryAfter?.takeIf { it <= longestWait }
    }

    /**
     * The pause before a stream is opened again; `null` when its failure is final.
     *
     * A redirect is a captive portal's.
     *
     * @param failure `null` when the stream came to its end
     * @param failures how many there were in a row since the last event, with this one
     * @param random 0 to 1: clients do not all come back at once after a restart
     */
    fun reopening(failure: ConnectFailure?, failures: Int, random: Double): Duration? {
        val isTemporary = failure == null || failure.code == ErrorCode.NetworkError ||
            failure.status.let { it in 300..399 || it == 408 || it == 429 || it >= 500 }
        if (!isTemporary) return null
        return maxOf(backoff(failures) * (0.75 + random / 4), failure?.retryAfter ?: Duration.ZERO)
    }

    /** 0.5 s, doubled with each failure in a row up to 30 s. */
    private fun backoff(failures: Int): Duration =
        minOf(500.milliseconds * (1 shl (failures - 1).coerceIn(0, 10)), longestPause)

    /** `Retry-After` in whole seconds; dates are not the service's. */
    fun retryAfter(header: String?): Duration? =
        header?.trim()?.takeIf { it.length <= 9 }?.toIntOrNull()?.takeIf { it >= 0 }?.seconds
}
