package connectbff

import java.util.concurrent.atomic.AtomicReference
import kotlinx.coroutines.CompletableDeferred

/** Work that is done once at a time: who asks while it is done gets the same end, be it a failure or a cancellation. */
internal class SingleFlight<Result> {
    private val current = AtomicReference<CompletableDeferred<Result>?>()

    suspend fun run(work: suspend () -> Result): Result {
        val own = CompletableDeferred<Result>()
        while (!current.compareAndSet(null, own)) current.get()?.let { return it.await() }
        try {
            return work().also { own.complete(it) }
        } catch (error: Throwable) {
            own.completeExceptionally(error)
            throw error
        } finally {
            current.set(null)
        }
    }
}
