package connectbff

import java.io.ByteArrayOutputStream
import java.io.IOException
import java.net.URLEncoder
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.catch
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.DeserializationStrategy

/**
 * One call of the service.
 *
 * @property key the `Idempotency-Key`: all attempts send the same one
 * @property isRepeatable whether it may be sent again when it may have arrived
 */
internal class Call(
    val method: String,
    val path: String,
    val body: String? = null,
    val key: String? = null,
    val isRepeatable: Boolean = method == "GET" || key != null,
)

/** Sends calls: with the user's bearer, again where that is safe, and within a time. */
internal class Calls(
    private val base: String,
    private val http: HttpTransport,
    private val timeout: Duration,
    private val random: Random,
    private val token: suspend (refused: String?) -> String,
) {
    /** What a call returns. It is sent again where that is safe and can help. */
    suspend fun <Model> result(call: Call, model: DeserializationStrategy<Model>): Model {
        var attempts = 0
        while (true) {
            val failure = try {
                val answer = accepted(call)
                return decode(body(answer), model, answer.status, answer.requestId)
            } catch (failure: ConnectFailure) {
                failure
            }
            attempts++
            delay((if (call.isRepeatable) Retries.pause(failure, attempts) else null) ?: throw failure)
        }
    }

    /** Does a call whose answer has no body. It is sent once. */
    suspend fun perform(call: Call) {
        body(accepted(call))
    }

    /** The events at [path], over as many connections as it takes. Ends by a failure that is not temporary, only. */
    fun events(path: String): Flow<ServerSentEvent> = flow {
        var lastId = ""
        var failures = 0
        while (true) {
            var failure: ConnectFailure? = null
            // `catch` lets the collector's own failures pass.
            connection(path, lastId).catch { failure = it as? ConnectFailure ?: throw it }.collect { event ->
                if (isHeaderValue(event.lastId)) lastId = event.lastId
                if (event.data.isNotEmpty()) {
                    failures = 0
                    emit(event)
                }
            }
            failures++
            val final = failure
            delay(Retries.reopening(final, failures, random.nextDouble()) ?: throw checkNotNull(final))
        }
    }

    /** The events of one connection. */
    private fun connection(path: String, lastId: String): Flow<ServerSentEvent> = channelFlow {
        val headers = if (lastId.isEmpty()) emptyMap() else mapOf("Last-Event-ID" to lastId)
        val answer = accepted(Call("GET", path), headers + ("Accept" to "text/event-stream"))
        val type = answer.header("content-type")?.substringBefore(';')?.trim()
        if (!type.equals("text/event-stream", ignoreCase = true)) {
            // The page of a captive portal, where the customer may still sign in: a stream without events.
            answer.close()
            return@channelFlow
        }
        val stream = EventStream()
        reaching { answer.read(SILENCE) { bytes, count -> stream.read(bytes, count).forEach { send(it) } } }
    }

    /** An answer with a status of success. After a 401 another bearer is tried, once. */
    private suspend fun accepted(call: Call, headers: Map<String, String> = emptyMap()): HttpResponse {
        val bearer = bearer(null)
        var answer = send(call, headers, bearer)
        if (answer.status == 401) {
            // Read, so that the connection serves again.
            body(answer)
            answer = send(call, headers, bearer(bearer))
        }
        if (answer.status in 200..299) return answer
        val problem = try {
            decode(body(answer), Problem.serializer(), answer.status, answer.requestId)
        } catch (failure: ConnectFailure) {
            if (failure.code != ErrorCode.InvalidAnswer) throw failure
            throw invalid("The status is ${answer.status}, and the answer is not the service's.", answer)
        }
        throw ConnectFailure(
            problem.code, answer.status, problem.detail ?: "The status is ${answer.status}.",
            problem.requestId ?: answer.requestId, answer.retryAfter)
    }

    private suspend fun bearer(refused: String?): String {
        val bearer = token(refused)
        if (isHeaderValue(bearer)) return bearer
        // The transport would refuse it too, and quote it.
        throw ConnectFailure(
            ErrorCode.Unauthenticated, 0, "The app's bearer is empty, or has a character that is not visible ASCII.")
    }

    private suspend fun send(call: Call, headers: Map<String, String>, bearer: String): HttpResponse {
        if (call.key != null && !isHeaderValue(call.key)) {
            throw ConnectFailure(
                ErrorCode.HeaderMalformed, 0, "The key is empty, or has a character that is not visible ASCII.")
        }
        val all = buildMap {
            put("Accept", "application/json")
            put("Authorization", "Bearer $bearer")
            if (call.body != null) put("Content-Type", "application/json")
            if (call.key != null) put("Idempotency-Key", call.key)
            putAll(headers)
        }
        // An answer may come in the same moment as the deadline, and then has to be closed.
        var answer: HttpResponse? = null
        try {
            val request = HttpRequest(call.method, base + call.path, all, call.body?.encodeToByteArray())
            within(timeout) { answer = http.send(request) }
            return checkNotNull(answer)
        } catch (error: Throwable) {
            answer?.close()
            throw error
        }
    }

    private suspend fun body(answer: HttpResponse): ByteArray {
        val bytes = ByteArrayOutputStream()
        within(timeout) {
            answer.read(timeout) { piece, count ->
                if (bytes.size() + count > LONGEST_BODY) {
                    throw invalid("The answer is longer than $LONGEST_BODY bytes.", answer)
                }
                bytes.write(piece, 0, count)
            }
        }
        return bytes.toByteArray()
    }

    private fun invalid(reason: String, answer: HttpResponse) =
        ConnectFailure(ErrorCode.InvalidAnswer, answer.status, reason, answer.requestId, answer.retryAfter)

    companion object {
        /** 90 days of prices have 4 MB. */
        private const val LONGEST_BODY = 16 shl 20

        /** The service sends something every 15 seconds. */
        private val SILENCE = 30.seconds

        /** Reads JSON; the failure has nothing of it, as it may hold a credential. */
        fun <Model> decode(
            json: ByteArray, model: DeserializationStrategy<Model>, status: Int, requestId: String?
        ): Model =
            try {
                jsonText(json)?.let { wire.decodeFromString(model, it) }
            } catch (_: IllegalArgumentException) {
                // `SerializationException` is one.
                null
            } ?: throw ConnectFailure(
                ErrorCode.InvalidAnswer, status, "The answer is no ${model.descriptor.serialName}.", requestId)

        private val HttpResponse.requestId: String? get() = header("x-request-id")

        private val HttpResponse.retryAfter: Duration? get() = Retries.retryAfter(header("retry-after"))
    }
}

/** Does what the network may fail at. The failure of a cancelled caller is its cancellation. */
private suspend fun <Result> reaching(work: suspend () -> Result): Result =
    try {
        work()
    } catch (error: IOException) {
        currentCoroutineContext().ensureActive()
        throw ConnectFailure(ErrorCode.NetworkError, 0, "The service cannot be reached.", cause = error)
    }

private suspend fun <Result> within(timeout: Duration, work: suspend () -> Result): Result =
    try {
        withTimeout(timeout) { reaching(work) }
    } catch (_: TimeoutCancellationException) {
        // Of the caller's own `withTimeout`, maybe.
        currentCoroutineContext().ensureActive()
        throw ConnectFailure(ErrorCode.NetworkError, 0, "There was no answer within $timeout.")
    }

/** Visible ASCII alone: what is anything else, no header can hold. */
private fun isHeaderValue(text: String): Boolean = text.isNotEmpty() && text.all { it in '!'..'~' }

/** A path of identifiers and fixed names, and its query without what is `null`. */
internal fun path(vararg segments: String, query: Map<String, Any?> = emptyMap()): String {
    for (segment in segments) {
        // Anything else would be another path.
        if (!isIdentifier(segment)) throw ConnectFailure(ErrorCode.NotFound, 404, "There is no such identifier.")
    }
    val given = query.filterValues { it != null }
        .map { (name, value) -> "$name=${URLEncoder.encode("$value", "UTF-8")}" }
    return segments.joinToString("/", "/v1/") + if (given.isEmpty()) "" else given.joinToString("&", "?")
}
