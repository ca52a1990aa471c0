package connectbff

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Job
import kotlinx.coroutines.async
import kotlinx.coroutines.currentCoroutineContext

/**
 * Work that is done once at a time for each key: who asks while it is done gets the same end.
 *
 * It is nobody's child, so that the first caller may leave before the others. With the last caller it is cancelled.
 */
internal class SingleFlight<Key, Result> {
    private val flights = HashMap<Key, Flight>()

    /** @param work runs in the context of the first caller, such as an app's main thread */
    suspend fun run(key: Key, work: suspend () -> Result): Result {
        val scope = CoroutineScope(currentCoroutineContext().minusKey(Job))
        val flight = synchronized(flights) { flights.getOrPut(key) { Flight(key, scope, work) }.also { it.waiting++ } }
        try {
            return flight.result.await()
        } finally {
            val isLast = synchronized(flights) {
                (--flight.waiting == 0).also { if (it) flight.land() }
            }
            if (isLast) flight.result.cancel()
        }
    }

    private inner class Flight(private val key: Key, scope: CoroutineScope, work: suspend () -> Result) {
        var waiting = 0

        val result = scope.async(start = CoroutineStart.LAZY) {
            try {
                work()
            } finally {
                land()
            }
        }

        /** From here on nobody joins. */
        fun land() = synchronized(flights) {
            if (flights[key] === this) flights -= key
        }
    }
}
