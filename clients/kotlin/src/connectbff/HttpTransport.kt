package connectbff

import java.io.IOException
import java.io.InputStream
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.time.Duration
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/** Sends one HTTP request: the client's only way to the network. */
fun interface HttpTransport {
    /**
     * Suspends until the head of the answer is there, and never blocks its thread. A cancellation gives the request up.
     *
     * Follows no redirect, stores nothing, and logs neither headers nor bodies: they hold the bearer and launch URLs.
     *
     * @throws IOException when there is no answer
     */
    suspend fun send(request: HttpRequest): HttpResponse
}

/** One request. Not a data class, so that its text shows no header. */
class HttpRequest(
    val method: String,
    val url: String,
    val headers: Map<String, String>,
    /** JSON, or `null` for no body. */
    val body: ByteArray?,
)

/** An answer whose body has still to be read. */
class HttpResponse(
    val status: Int,
    /** The first value of a header; the name is in lower case. */
    val header: (name: String) -> String?,
    /** Closed by the thread that reads it. */
    val body: InputStream,
    /** Gives the answer up, so that a read of [body] on another thread fails at once. */
    val abort: () -> Unit,
) {
    /**
     * Hands each piece of the body to [take], and closes the answer.
     *
     * @param silence an answer that sends nothing for this time is given up, at the latest after twice the time
     * @throws IOException when the connection breaks, or is silent
     */
    internal suspend fun read(silence: Duration, take: suspend (bytes: ByteArray, count: Int) -> Unit) {
        coroutineScope {
            val hasSent = AtomicBoolean(true)
            val isOver = AtomicBoolean(false)
            // A read blocks its thread, and only an abort ends it early. The watch starts undispatched, so that a
            // cancellation finds it in its `try`.
            val watch = launch(start = CoroutineStart.UNDISPATCHED) {
                try {
                    while (hasSent.getAndSet(false)) delay(silence)
                } finally {
                    if (!isOver.get()) abort()
                }
            }
            withContext(Dispatchers.IO) {
                body.use {
                    val buffer = ByteArray(8192)
                    while (true) {
                        val count = it.read(buffer)
                        if (count < 0) break
                        hasSent.set(true)
                        take(buffer, count)
                    }
                }
                isOver.set(true)
            }
            watch.cancel()
        }
    }

    /** Closes an answer that is not read; not on the caller's thread, which may be an app's main one. */
    internal suspend fun close() = withContext(NonCancellable + Dispatchers.IO) {
        abort()
        body.close()
    }
}
