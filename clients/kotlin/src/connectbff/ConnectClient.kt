package connectbff

import java.util.UUID
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.emitAll
import kotlinx.coroutines.flow.filter
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.transformWhile
import kotlinx.serialization.KSerializer
import kotlinx.serialization.serializer

/**
 * The calls of an app to connect-bff, for one signed-in user. It keeps no credential, and may be used from any thread.
 *
 * Every function throws [ConnectFailure], and can be cancelled. Reads, whatever has an idempotency key and [confirm]
 * are sent up to three times: after a failed connection, and where `Retry-After` asks for up to 20 seconds. Anything
 * else is sent once. Times are RFC 3339 with a zone.
 *
 * @param baseUrl the service, such as `https://api.example.com`
 * @param timeout how long one attempt waits for the head of an answer, and then for its body
 * @param token gives the user's bearer, for each request. After a 401 it is asked once more, with the bearer that was
 * refused. One with other characters than visible ASCII is `unauthenticated`, and is not sent
 */
class ConnectClient(
    baseUrl: String,
    http: HttpTransport,
    timeout: Duration = 20.seconds,
    token: suspend (refused: String?) -> String,
) {
    private val calls = Calls(baseUrl.trimEnd('/'), http, timeout, Random.Default, token)
    private val attempts = SingleFlight<MintRequest, Session>()

    // Connecting.

    /**
     * Lets the customer connect a tariff: mints a session, opens its page, confirms it, and returns it as it ended.
     *
     * A call with an equal request during another one joins that one, so that a double tap is one attempt; a call with
     * another request is another attempt. The attempt ends with the last of its callers.
     *
     * @param request its `app` is always `page`
     * @param key fresh for each attempt; who joins one needs none
     * @param open shows the launch URL, and returns the return URL that opened the app, or `null` when the customer
     * closed the page
     * @return the session; its state says how it ended
     */
    suspend fun connect(
        request: MintRequest = MintRequest(),
        key: String = newKey(),
        open: suspend (launchUrl: String) -> String?,
    ): Session {
        val shown = request.copy(app = "page")
        return attempts.run(shown) {
            val minted = mint(shown, key)
            // Any app can open a deep link: a code counts for the session that was minted here.
            val ended = open(minted.launchUrl)?.let(EndedSession::of)?.takeIf { it.session == minted.id }
            end(minted.id, ended?.code)
        }
    }

    /**
     * Ends an attempt whose [connect] is gone, as when the system stopped the app meanwhile.
     *
     * @param returnUrl what opened the app
     * @return the session; `null` where the URL names none of the user's, as any page can link to the app
     */
    suspend fun resume(returnUrl: String): Session? =
        try {
            EndedSession.of(returnUrl)?.let { end(it.session, it.code) }
        } catch (failure: ConnectFailure) {
            if (failure.code != ErrorCode.NotFound) throw failure
            null
        }

    private suspend fun end(id: String, code: String?): Session =
        try {
            if (code != null) confirm(id, code) else session(id)
        } catch (failure: ConnectFailure) {
            if (failure.code != ErrorCode.ConfirmationCodeUsed) throw failure
            // Another code has confirmed it.
            session(id)
        }

    /**
     * Mints a session, for an app that shows the page itself.
     *
     * @param key fresh for each tap; the same key and request give the same session
     */
    suspend fun mint(request: MintRequest = MintRequest(), key: String = newKey()): MintedSession =
        send("POST", path("connect", "sessions"), request, key)

    /** Reads a session. */
    suspend fun session(id: String): Session = get(path("connect", "sessions", id))

    /** Confirms a session with the code of its return URL. The same code again gives the same answer. */
    suspend fun confirm(id: String, code: String): Session {
        val body = wire.encodeToString(ConfirmationRequest.serializer(), ConfirmationRequest(code))
        val call = Call("POST", path("connect", "sessions", id, "confirm"), body, isRepeatable = true)
        return calls.result(call, Session.serializer())
    }

    /**
     * The session now, and again at each change; completes after a session that is final.
     *
     * It reconnects by itself, also after the network was away, and fails where that makes no sense.
     */
    fun followSession(id: String): Flow<Session> =
        events(Session.serializer(), setOf("session")) { path("connect", "sessions", id, "events") }
            .map { it.second }
            .transformWhile {
                emit(it)
                !it.isFinal
            }

    // Locations and tariffs.

    suspend fun locations(): LocationList = get(path("locations"))

    suspend fun location(id: String): Location = get(path("locations", id))

    /** Makes a location not the user's any more. Flatpeak keeps it. */
    suspend fun forgetLocation(id: String) = calls.perform(Call("DELETE", path("locations", id)))

    /**
     * What changes at a location. Start to collect, and read then, so that nothing is missed between the two.
     *
     * It reconnects by itself, never completes, and fails once the location is not the user's.
     */
    fun followLocation(id: String): Flow<LocationEvent> =
        events(LocationEvent.serializer(), setOf("location.updated", "tariff.action_required")) {
            path("locations", id, "events")
        }.map { (name, event) -> event.copy(event = name) }

    suspend fun locationStatus(id: String): LocationStatus = get(path("locations", id, "status"))

    /**
     * A page of a location's tariffs, the newest first.
     *
     * @param startingAfter the id of a tariff, after which the page begins
     * @param limit 1 to 100
     */
    suspend fun tariffs(
        locationId: String,
        direction: Direction? = null,
        type: TariffType? = null,
        startingAfter: String? = null,
        endingBefore: String? = null,
        limit: Int? = null,
    ): TariffList = get(
        path(
            "tariffs", "elements",
            query = mapOf(
                "location_id" to locationId, "direction" to direction, "type" to type,
                "starting_after" to startingAfter, "ending_before" to endingBefore, "limit" to limit)))

    /** What energy costs until [endTime]: at most 90 days. */
    suspend fun prices(
        id: String,
        endTime: String,
        startTime: String? = null,
        direction: Direction? = null,
    ): Prices = get(
        path(
            "locations", id, "prices",
            query = mapOf("start_time" to startTime, "end_time" to endTime, "direction" to direction)))

    // Energy.

    /**
     * The cheapest or dearest minutes of a window of at most 3 days.
     *
     * @param duration in minutes
     */
    suspend fun scheduleByDuration(
        id: String,
        startTime: String,
        endTime: String,
        segment: PriceSegment,
        duration: Int,
        direction: Direction? = null,
    ): Schedule = get(
        path(
            "locations", id, "schedules", "duration",
            query = mapOf(
                "start_time" to startTime, "end_time" to endTime, "segment" to segment, "duration" to duration,
                "direction" to direction)))

    /**
     * Every period of a window below or above a price. Give one of the two.
     *
     * @param relative 0.01 to 1, which is the highest price of the window
     * @param absolute for each kWh, in the currency's major unit
     */
    suspend fun scheduleByLimit(
        id: String,
        startTime: String,
        endTime: String,
        segment: PriceSegment,
        relative: Double? = null,
        absolute: Double? = null,
        direction: Direction? = null,
    ): Schedule = get(
        path(
            "locations", id, "schedules", "limit",
            query = mapOf(
                "start_time" to startTime, "end_time" to endTime, "segment" to segment, "relative" to relative,
                "absolute" to absolute, "direction" to direction)))

    /** When devices are to run so that each has its energy in time. Nothing is stored. */
    suspend fun scheduleByAmount(id: String, request: AmountRequest): AmountSchedule =
        send("POST", path("locations", id, "schedules", "amount"), request)

    /** What energy cost between two instants. */
    suspend fun costs(
        id: String,
        startTime: String,
        endTime: String,
        aggregation: Aggregation? = null,
        direction: Direction? = null,
        deviceId: String? = null,
    ): EnergyCosts = get(
        path(
            "locations", id, "costs",
            query = mapOf(
                "start_time" to startTime, "end_time" to endTime, "aggregation" to aggregation,
                "direction" to direction, "device_id" to deviceId)))

    /** What the records with the `sessionReferenceId` [ref] cost. */
    suspend fun sessionCosts(id: String, ref: String, direction: Direction? = null): EnergyCosts =
        get(path("locations", id, "costs", "sessions", ref, query = mapOf("direction" to direction)))

    /** What the energy of one record would cost. Nothing is stored. */
    suspend fun simulateCost(id: String, record: MeterRecord): RecordCost =
        send("POST", path("locations", id, "costs", "simulate"), record)

    // Meters and devices: where the operator lets users write.

    /** Sends up to 10 000 records of a meter. The same key and records count once, for 24 hours. */
    suspend fun putMeterIntervals(id: String, records: List<MeterRecord>, key: String = newKey()): MeterBatch =
        send("PUT", path("locations", id, "meters", "interval"), records, key)

    /** Sends up to 10 000 readings of a register. The same key and readings count once, for 24 hours. */
    suspend fun putMeterReadings(id: String, readings: MeterReadings, key: String = newKey()): MeterBatch =
        send("PUT", path("locations", id, "meters", "cumulative"), readings, key)

    /** How far a batch is processed. */
    suspend fun meterBatch(id: String, batch: String): MeterBatch =
        get(path("locations", id, "meters", "batches", batch))

    suspend fun devices(id: String): DeviceList = get(path("locations", id, "devices"))

    /** Creates a device; the same key and request create one, for 24 hours. */
    suspend fun createDevice(id: String, request: DeviceRequest, key: String = newKey()): Device =
        send("POST", path("locations", id, "devices"), request, key)

    suspend fun deleteDevice(id: String, device: String) =
        calls.perform(Call("DELETE", path("locations", id, "devices", device)))

    private suspend inline fun <reified Model> get(path: String): Model = calls.result(Call("GET", path), serializer())

    private suspend inline fun <reified Body, reified Model> send(
        method: String, path: String, body: Body, key: String? = null
    ): Model = calls.result(Call(method, path, wire.encodeToString(serializer(), body), key), serializer())

    /** The names and the data of the events. A later release may have other ones; a bad path fails the collector. */
    private fun <Model> events(
        model: KSerializer<Model>, names: Set<String>, path: () -> String
    ): Flow<Pair<String, Model>> = flow {
        val events = calls.events(path()).filter { it.name in names }
        emitAll(events.map { it.name to Calls.decode(it.data.encodeToByteArray(), model, 200, null) })
    }

    private fun newKey() = UUID.randomUUID().toString()
}
