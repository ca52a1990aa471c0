package connectbff

import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers
import java.time.Duration
import java.util.concurrent.CompletionException
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.suspendCancellableCoroutine

/** HTTP by the Java platform, from Java 17 on. Android has no `java.net.http`: README.md has its transport. */
class JavaNetTransport(
    private val client: HttpClient =
        HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(10)).build()
) : HttpTransport {
    override suspend fun send(request: HttpRequest): HttpResponse = suspendCancellableCoroutine { continuation ->
        val body = request.body?.let(BodyPublishers::ofByteArray) ?: BodyPublishers.noBody()
        val builder = java.net.http.HttpRequest.newBuilder(URI(request.url)).method(request.method, body)
        for ((name, value) in request.headers) builder.header(name, value)
        val sending = client.sendAsync(builder.build(), BodyHandlers.ofInputStream())
        continuation.invokeOnCancellation { sending.cancel(true) }
        sending.whenComplete { answer, error ->
            if (error != null) {
                continuation.resumeWithException((error as? CompletionException)?.cause ?: error)
            } else {
                val header = { name: String -> answer.headers().firstValue(name).orElse(null) }
                val response = HttpResponse(answer.statusCode(), header, answer.body(), answer.body()::close)
                // Cancelled in the same moment.
                continuation.resume(response) { _, _, _ -> answer.body().close() }
            }
        }
    }
}
