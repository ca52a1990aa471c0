package connectbff

import java.io.ByteArrayInputStream
import java.io.IOException
import java.io.InputStream
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.system.exitProcess
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.yield

/** What needs no service: the pure parts, and the client over a transport that a test writes. */
fun main() {
    val failures = tests.count { (name, test) ->
        try {
            runBlocking(Dispatchers.Default) { withTimeout(20.seconds) { test() } }
            false
        } catch (failure: Throwable) {
            System.err.println("$name: ${failure.stackTraceToString()}")
            true
        }
    }
    if (failures > 0) exitProcess(1)
    println("kotlin: ${tests.size} unit tests passed")
}

private val tests: List<Pair<String, suspend () -> Unit>> = listOf(
    "reads events however their bytes are cut" to {
        val text = "\uFEFFretry: 2000\n\n:\n\nid: 1\nevent: session\ndata: {\"a\":\"é\"}\n\n" +
            "id: 2\r\ndata:x\r\ndata: y\r\n\r\ndata\rid\r\revent: gone\nid: 3\u0000\ndata: z\n\nid: 4\ndata: torn\n"
        val expected = listOf(
            ServerSentEvent("", "message", ""), ServerSentEvent("", "message", ""),
            ServerSentEvent("1", "session", "{\"a\":\"é\"}"), ServerSentEvent("2", "message", "x\ny"),
            ServerSentEvent("", "message", ""), ServerSentEvent("", "gone", "z"))
        val bytes = text.toByteArray()
        for (size in 1..bytes.size) {
            val stream = EventStream()
            val events = bytes.asList().chunked(size).flatMap { stream.read(it.toByteArray(), it.size) }
            equal(events, expected)
        }
    },
    "refuses an event without an end" to {
        val piece = ByteArray(8192) { 'x'.code.toByte() }
        val stream = EventStream()
        fails<ConnectFailure> { repeat(1000) { stream.read(piece, piece.size) } }
        val lines = ("data: " + "x".repeat(8185) + "\n").toByteArray()
        val other = EventStream()
        equal(
            fails<ConnectFailure> { repeat(1000) { other.read(lines, lines.size) } }.code, ErrorCode.InvalidAnswer)
        // It would be as long again.
        val long = Server(events("data: " + "x".repeat(1 shl 20)))
        equal(fails<ConnectFailure> { long.client().followSession("cs_1").first() }.code, ErrorCode.InvalidAnswer)
    },
    "sends again after what may pass, three times at most" to {
        for ((status, retryAfter, attempts, pause) in listOf(
            Row(0, null, 1, 500.milliseconds), Row(0, null, 2, 1.seconds), Row(0, null, 3, null),
            Row(429, 1.seconds, 1, 1.seconds), Row(503, 0.seconds, 2, 0.seconds), Row(503, 0.seconds, 3, null),
            Row(409, 1.seconds, 1, 1.seconds), Row(422, 20.seconds, 1, 20.seconds), Row(422, 21.seconds, 1, null),
            Row(429, null, 1, null), Row(409, null, 1, null), Row(502, 1.seconds, 1, null),
            Row(404, 1.seconds, 1, null))) {
            equal(Retries.pause(failure(status, retryAfter), attempts), pause)
        }
    },
    "opens a stream again until it is refused for good" to {
        equal(
            (1..8).map { Retries.reopening(null, it, 1.0) },
            listOf(0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0).map { it.seconds })
        equal(Retries.reopening(failure(0), Int.MAX_VALUE, 1.0), 30.seconds)
        equal(Retries.reopening(ConnectFailure(ErrorCode.Unauthenticated, 0, ""), 1, 0.0), null)
        equal(Retries.pause(ConnectFailure(ErrorCode.Unauthenticated, 0, ""), 1), null)
        equal(Retries.reopening(failure(429, 5.seconds), 1, 0.0), 5.seconds)
        equal(Retries.reopening(failure(503, 1.seconds), 4, 0.0), 3.seconds)
        for (status in listOf(302, 307, 408, 429, 500, 502, 599)) {
            check(Retries.reopening(failure(status), 1, 0.0) != null)
        }
        for (status in listOf(200, 400, 401, 403, 404, 409, 418, 422)) {
            equal(Retries.reopening(failure(status), 1, 0.0), null)
        }
    },
    "reads Retry-After in seconds alone" to {
        equal(
            listOf("0", " 7 ", "1234567890", "-1", "1.5", "", "Wed, 21 Oct 2026 07:28:00 GMT", null)
                .map(Retries::retryAfter),
            listOf(0.seconds, 7.seconds, null, null, null, null, null, null))
    },
    "counts how deep JSON is nested" to {
        equal(
            listOf("1", "[]", """{"a":[1,[2]]}""", """"[[["""", """"\"["""", """["]",[]]""").map(::depth),
            listOf(0, 1, 3, 0, 0, 2))
        check(jsonText("[".repeat(65).toByteArray()) == null)
        check(jsonText(byteArrayOf('"'.code.toByte(), -1, '"'.code.toByte())) == null)
    },
    "leaves out what is no slot of a location's status" to {
        val status = """{"tariff_status":{"local":{"status":"CONNECTED ","provider":{}},"a":"x","b":null,"c":{}}}"""
        val slots = Server(answer(200, status)).client().locationStatus("loc_1").tariffStatus
        equal(slots.mapValues { it.value.status }, mapOf("local" to "CONNECTED "))
        fails<ConnectFailure> { Server(answer(200, """{"tariff_status":7}""")).client().locationStatus("loc_1") }
    },
    "takes nothing for an answer that is not the contract's" to {
        val good = SESSION.removeSuffix("}")
        check(Calls.decode("$good,\"later\":{}}".toByteArray(), Session.serializer(), 200, null).state.value == "later")
        for (bad in listOf(
            "", "{}", "null", "[]", good, "$good}}", good.replace("false", "\"secret\"") + "}",
            "$good,\"more\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}")) {
            val failure = fails<ConnectFailure> { Calls.decode(bad.toByteArray(), Session.serializer(), 200, "req_1") }
            equal(failure.code, ErrorCode.InvalidAnswer)
            equal(failure.status to failure.requestId, 200 to "req_1")
            check("secret" !in failure.stackTraceToString())
        }
    },
    "reads what the return URL says, and no more" to {
        val ended = checkNotNull(EndedSession.of("myapp://tariff/done?x=1&session=cs_1&status=connected&code=a%2Bb#c"))
        equal(listOf(ended.session, ended.status, ended.code), listOf("cs_1", SessionState.Connected, "a+b"))
        check("a+b" !in ended.toString())
        equal(EndedSession.of("myapp://x?session=cs_1&status=later")?.code, null)
        // The service appends to the app's own query.
        val own = "myapp://x?code=mine&session=mine&status=mine"
        val after = checkNotNull(EndedSession.of("$own&session=cs_1&status=connected&code=c"))
        equal(listOf(after.session, after.status, after.code), listOf("cs_1", SessionState.Connected, "c"))
        equal(EndedSession.of("$own&session=cs_1&status=failed")?.code, null)
        equal(EndedSession.of("$own&session=&status=failed"), null)
        for (bad in listOf(
            "", "myapp://x", "myapp://x?session=", "myapp://x?session=..%2F..", "myapp://x?session=%zz",
            "x#?session=a")) {
            equal(EndedSession.of(bad), null)
        }
    },
    "confirms the session that it minted, and no other" to {
        for ((link, sent) in listOf(
            "a://b?session=cs_1&code=c" to "/v1/connect/sessions/cs_1/confirm", "a://b?session=cs_2&code=c" to null,
            "a://b?session=cs_1" to null, null to null)) {
            val server = Server(answer(201, MINTED), answer(200, SESSION))
            equal(server.client().connect { link }.id, "cs_1")
            equal(server.requests.last().url, "http://x" + (sent ?: "/v1/connect/sessions/cs_1"))
        }
        // Another code was faster.
        val used = PROBLEM.replace("later", "confirmation_code_used")
        val server = Server(answer(409, used), answer(200, SESSION))
        equal(server.client().resume("a://b?session=cs_1&code=c")?.id, "cs_1")
        // Any page can link to the app.
        equal(Server().client().resume("a://b"), null)
        equal(Server(answer(404, PROBLEM.replace("later", "not_found"))).client().resume("a://b?session=cs_1"), null)
        fails<ConnectFailure> { Server(answer(500, PROBLEM)).client().resume("a://b?session=cs_1") }
    },
    "knows when a session is final" to {
        fun isFinal(state: SessionState, ended: String?, confirmed: Boolean? = null, reason: String? = null) = Session(
            "cs_1", state, confirmed, reason, null, null, Direction.Import, TariffType.Commodity, "", "", ended, false
        ).isFinal
        check(isFinal(SessionState.Connected, "t") && isFinal(SessionState.Disconnected, "t", true))
        check(isFinal(SessionState.Failed, "t", false, "foreign_tab") && isFinal(SessionState.Expired, "t", false))
        check(!isFinal(SessionState.Expired, null) && !isFinal(SessionState.Connected, null))
        check(!isFinal(SessionState.Connected, "t", false) && !isFinal(SessionState.Abandoned, "t"))
        check(!isFinal(SessionState("later"), "t"))
    },
    "does equal work once at a time, and again later" to {
        val flight = SingleFlight<String, Int>()
        val gate = CompletableDeferred<Unit>()
        val count = AtomicInteger()
        val work: suspend () -> Int = {
            gate.await()
            count.incrementAndGet()
        }
        coroutineScope {
            val first = async(start = CoroutineStart.UNDISPATCHED) { flight.run("a", work) }
            val second = async(start = CoroutineStart.UNDISPATCHED) { flight.run("a", work) }
            equal(flight.run("b") { 7 }, 7)
            gate.complete(Unit)
            equal(first.await() to second.await(), 1 to 1)
        }
        equal(flight.run("a", work), 2)
        fails<IllegalStateException> { flight.run("a") { error("no") } }
        equal(flight.run("a", work), 3)
    },
    "goes on with an attempt while one caller waits, and ends it with the last" to {
        val server = Server(answer(201, MINTED), answer(200, SESSION))
        val client = server.client()
        val gate = CompletableDeferred<String?>()
        coroutineScope {
            val callers = List(3) {
                async(start = CoroutineStart.UNDISPATCHED) { client.connect { gate.await() } }
            }
            callers[0].cancelAndJoin()
            callers[2].cancelAndJoin()
            gate.complete(null)
            equal(callers[1].await().id, "cs_1")
            equal(server.requests.size, 2)
        }
        val again = Server(answer(201, MINTED), answer(201, MINTED), answer(200, SESSION)).client()
        coroutineScope {
            val opened = CompletableDeferred<Unit>()
            val closed = CompletableDeferred<Unit>()
            val left = async {
                again.connect {
                    try {
                        opened.complete(Unit)
                        awaitCancellation()
                    } finally {
                        closed.complete(Unit)
                    }
                }
            }
            opened.await()
            left.cancelAndJoin()
            // It does not join what is at its end.
            equal(again.connect { null }.id, "cs_1")
            closed.await()
        }
    },
    "makes an attempt of each request, on the service's own page and with the app's key" to {
        val server = Server(answer(201, MINTED), answer(201, MINTED), answer(200, SESSION), answer(200, SESSION))
        val client = server.client()
        coroutineScope {
            val gate = CompletableDeferred<String?>()
            val opened = AtomicInteger()
            val open: suspend (String) -> String? = {
                opened.incrementAndGet()
                gate.await()
            }
            val callers = listOf(MintRequest(), MintRequest(locationId = "loc_1"), MintRequest(app = "other")).map {
                async(start = CoroutineStart.UNDISPATCHED) { client.connect(it, key = "key-${it.locationId}", open) }
            }
            while (opened.get() < 2) yield()
            gate.complete(null)
            callers.forEach { equal(it.await().id, "cs_1") }
        }
        val mints = server.requests.filter { it.method == "POST" }
        equal(mints.map { it.headers["Idempotency-Key"] }, listOf("key-null", "key-loc_1"))
        check(mints.all { "\"app\":\"page\"" in String(checkNotNull(it.body)) })
    },
    "sends one key with all attempts of a write, and another with the next" to {
        val server = Server(reset, reset, answer(201, DEVICE), reset, answer(201, DEVICE))
        repeat(2) { server.client().createDevice("loc_1", DeviceRequest()) }
        val keys = server.requests.map { it.headers["Idempotency-Key"] }
        check(null !in keys && keys.toSet().size == 2)
        check(keys.take(3).toSet().size == 1 && keys.drop(3).toSet().size == 1)
    },
    "sends once what has no key" to {
        val server = Server(reset, reset)
        equal(fails<ConnectFailure> { server.client().deleteDevice("loc_1", "dev_1") }.code, ErrorCode.NetworkError)
        val request = AmountRequest(maxPower = Power("KW", 7.0), data = emptyList())
        equal(fails<ConnectFailure> { server.client().scheduleByAmount("loc_1", request) }.code, ErrorCode.NetworkError)
        equal(server.requests.map { it.method }, listOf("DELETE", "POST"))
    },
    "asks once for another bearer" to {
        val refused = ArrayList<String?>()
        val server = Server(answer(401, PROBLEM), answer(200, LIST), answer(401, PROBLEM), answer(401, PROBLEM))
        val client = server.client {
            refused += it
            "bearer-${refused.size}"
        }
        client.locations()
        equal(refused, listOf(null, "bearer-1"))
        equal(server.requests.map { it.headers["Authorization"] }, listOf("Bearer bearer-1", "Bearer bearer-2"))
        equal(fails<ConnectFailure> { client.locations() }.code.value, "later")
        equal(server.requests.size, 4)
    },
    "keeps a code that it does not know, with what else the error says" to {
        val failure = fails<ConnectFailure> {
            Server(answer(418, PROBLEM, "retry-after" to "900")).client().locations()
        }
        equal(
            listOf(failure.code.value, failure.status, failure.detail, failure.requestId, failure.retryAfter),
            listOf("later", 418, "Do it.", "req_1", 900.seconds))
        val bare = answer(404, """{"code":"not_found"}""", "x-request-id" to "req_2")
        val other = fails<ConnectFailure> { Server(bare).client().locations() }
        equal(listOf(other.code, other.status, other.requestId), listOf(ErrorCode.NotFound, 404, "req_2"))
    },
    "shows no credential in any text" to {
        val server = Server(answer(201, MINTED), answer(201, MINTED.replace("false", "\"SECRET\"")))
        val client = server.client { "SECRET" }
        val session = client.mint()
        check(session.launchUrl.endsWith("SECRET") && "SECRET" !in session.toString())
        check("SECRET" !in fails<ConnectFailure> { client.mint() }.stackTraceToString())
        check(server.requests.none { "SECRET" in it.toString() } && "SECRET" !in client.toString())
    },
    "sends nothing that no header can hold, and quotes none of it" to {
        for (bad in listOf("", "SECRET\ntoken", "SECRET token", "SECRETé", "SECRET\u007f")) {
            val server = Server()
            for (failure in listOf(
                fails<ConnectFailure> { server.client { bad }.locations() },
                fails<ConnectFailure> { server.client { bad }.followSession("cs_1").first() })) {
                equal(failure.code to failure.status, ErrorCode.Unauthenticated to 0)
                check("SECRET" !in failure.stackTraceToString())
            }
            equal(fails<ConnectFailure> { server.client().mint(key = bad) }.code, ErrorCode.HeaderMalformed)
            equal(server.requests.size, 0)
            val refused = Server(answer(401, PROBLEM))
            val client = refused.client { if (it == null) "good" else bad }
            equal(fails<ConnectFailure> { client.locations() }.code, ErrorCode.Unauthenticated)
            equal(refused.requests.size, 1)
        }
        // An id of the stream would be a header, too.
        val server = Server(events("id: 1\n\nid: é\n\n"), events("id: 2\n$UPDATED\n"))
        server.client().followLocation("loc_1").first()
        equal(server.requests.last().headers["Last-Event-ID"], "1")
    },
    "gives up an answer that does not come, and one that does not end" to {
        val never = HttpTransport { awaitCancellation() }
        val silent = Blocked()
        for (transport in listOf(never, HttpTransport { silent.response() })) {
            val client = ConnectClient("http://x", transport, 50.milliseconds) { "b" }
            equal(fails<ConnectFailure> { client.forgetLocation("loc_1") }.code, ErrorCode.NetworkError)
        }
        check(silent.isClosed)
    },
    "leaves the caller's own deadline and cancellation alone" to {
        val blocked = Blocked()
        val client = ConnectClient("http://x", { blocked.response() }) { "b" }
        fails<TimeoutCancellationException> { withTimeout(50.milliseconds) { client.locations() } }
        check(blocked.isClosed)
    },
    "refuses an answer without bounds" to {
        val endless = object : InputStream() {
            override fun read(): Int = ' '.code

            override fun read(bytes: ByteArray, from: Int, count: Int): Int =
                count.also { bytes.fill(32, from, from + count) }
        }
        val client = ConnectClient("http://x", { HttpResponse(200, { null }, endless) {} }) { "b" }
        equal(fails<ConnectFailure> { client.locations() }.code, ErrorCode.InvalidAnswer)
    },
    "asks for no path but the contract's" to {
        val server = Server(answer(200, "{}"))
        for (bad in listOf("", ".", "..", "a/b", "a?b", "a b", "%2e", "ä", "a".repeat(65))) {
            equal(fails<ConnectFailure> { server.client().session(bad) }.code, ErrorCode.NotFound)
            equal(fails<ConnectFailure> { server.client().followSession(bad).first() }.code, ErrorCode.NotFound)
        }
        equal(path("locations", "a", query = mapOf("t" to "1+0 &", "n" to null)), "/v1/locations/a?t=1%2B0+%26")
        equal(server.requests.size, 0)
    },
    "opens a stream again with the last id that is whole" to {
        val server = Server(
            events("id: 1\n\n"), reset, events("event: later\ndata: 7\n\nid: 2\n$UPDATED\nid: 3\n$UPDATED"),
            answer(503, PROBLEM, "retry-after" to "0"), events("id: 4\n$UPDATED\n"))
        equal(server.client().followLocation("loc_1").take(2).toList().map { it.event }, List(2) { "location.updated" })
        equal(server.requests.map { it.headers["Last-Event-ID"] }, listOf(null, "1", "1", "2", "2"))
    },
    "waits for its stream behind a captive portal" to {
        val page = arrayOf("content-type" to "text/html")
        val server = Server(
            answer(200, "<html>", *page), answer(302, "<html>", *page), answer(200, UPDATED + "\n"),
            answer(200, UPDATED + "\n", "content-type" to "Text/Event-Stream ;charset=utf-8"))
        equal(server.client().followLocation("loc_1").first().event, "location.updated")
        equal(server.requests.size, 4)
        // Its event is no answer of the contract's, and none comes by asking again.
        val bad = Server(events("event: location.updated\ndata: 7\n\n"))
        equal(fails<ConnectFailure> { bad.client().followLocation("loc_1").first() }.code, ErrorCode.InvalidAnswer)
    },
    "lets a collector's own failure pass" to {
        val server = Server(events("$UPDATED\n"), reset)
        val failure = fails<ConnectFailure> {
            server.client().followLocation("loc_1").collect { server.client().deleteDevice("loc_1", "dev_1") }
        }
        equal(failure.code, ErrorCode.NetworkError)
        equal(server.requests.size, 2)
    },
    "closes a stream that is cancelled or taken from no more" to {
        val blocked = Blocked("$UPDATED\n", "text/event-stream")
        val client = ConnectClient("http://x", { blocked.response() }) { "b" }
        client.followLocation("loc_1").first()
        check(blocked.isClosed)
        val other = Blocked("$UPDATED\n", "text/event-stream")
        runBlocking {
            val seen = CompletableDeferred<Unit>()
            val follower = ConnectClient("http://x", { other.response() }) { "b" }
            val job = launch(Dispatchers.Default) { follower.followLocation("loc_1").collect { seen.complete(Unit) } }
            seen.await()
            job.cancelAndJoin()
        }
        check(other.isClosed)
    },
)

private data class Row(val status: Int, val retryAfter: Duration?, val attempts: Int, val pause: Duration?)

private const val PROBLEM =
    """{"type":"urn:x","title":"X","status":418,"detail":"Do it.","code":"later","request_id":"req_1","more":[]}"""
private const val MINTED = """{"id":"cs_1","object":"connect_session","state":"created",
    "launch_url":"https://x/#SECRET","connect_token":"SECRET","expires_at":"","live_mode":false}"""
private const val SESSION = """{"id":"cs_1","object":"connect_session","state":"later","direction":"Y","type":"Z",
    "created_at":"","expires_at":"","live_mode":false}"""
private const val DEVICE = """{"id":"dev_1","object":"device","time_created":""}"""
private const val UPDATED = "event: location.updated\ndata: {\"location_id\":\"l\",\"at\":\"\"}\n"
private const val LIST = """{"object":"list","data":[]}"""

private fun failure(status: Int, retryAfter: Duration? = null) =
    ConnectFailure(if (status == 0) ErrorCode.NetworkError else ErrorCode("x"), status, "", null, retryAfter)

private fun <Value> equal(value: Value, expected: Value) = check(value == expected) { "$value is not $expected" }

private suspend inline fun <reified Failure : Throwable> fails(crossinline work: suspend () -> Unit): Failure =
    try {
        work()
        null
    } catch (failure: Throwable) {
        failure as? Failure ?: throw failure
    } ?: error("no ${Failure::class.simpleName}")

private typealias Answering = () -> HttpResponse

private val reset: Answering = { throw IOException("reset") }

private fun answer(status: Int, json: String, vararg headers: Pair<String, String>): Answering =
    { HttpResponse(status, headers.toMap()::get, ByteArrayInputStream(json.toByteArray())) {} }

private fun events(text: String): Answering = answer(200, text, "content-type" to "text/event-stream; charset=utf-8")

/** A transport that gives its answers in order, and keeps the requests. */
private class Server(vararg answers: Answering) : HttpTransport {
    private val answers = ArrayDeque(answers.toList())
    val requests = ArrayList<HttpRequest>()

    override suspend fun send(request: HttpRequest): HttpResponse {
        requests += request
        return answers.removeFirst()()
    }

    fun client(token: suspend (String?) -> String = { "b" }) = ConnectClient("http://x/", this, token = token)
}

/** An answer whose body gives a text, and then blocks its reader until it is closed. */
private class Blocked(text: String = "", private val contentType: String = "application/json") : InputStream() {
    private val closed = CountDownLatch(1)
    private val start = ByteArrayInputStream(text.toByteArray())
    val isClosed: Boolean get() = closed.count == 0L

    fun response() = HttpResponse(200, mapOf("content-type" to contentType)::get, this, closed::countDown)

    override fun read(): Int = throw UnsupportedOperationException()

    override fun read(bytes: ByteArray, from: Int, count: Int): Int {
        val read = start.read(bytes, from, count)
        if (read > 0) return read
        closed.await(5, TimeUnit.SECONDS)
        throw IOException("closed")
    }
}
