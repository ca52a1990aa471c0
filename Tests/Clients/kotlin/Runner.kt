@file:OptIn(ExperimentalSerializationApi::class)

import connectbff.Aggregation
import connectbff.ConnectClient
import connectbff.ConnectFailure
import connectbff.Direction
import connectbff.JavaNetTransport
import connectbff.MintRequest
import connectbff.PriceSegment
import connectbff.TariffType
import java.io.File
import java.util.concurrent.ConcurrentHashMap
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNamingStrategy
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonObjectBuilder
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.decodeFromJsonElement
import kotlinx.serialization.json.encodeToJsonElement
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put

/** An app that does what the lines on standard input say: Tests/Clients/README.md. */
fun main() = runBlocking(Dispatchers.Default) {
    val runner = Runner()
    val jobs = ConcurrentHashMap<Int, Job>()
    for (line in generateSequence(::readLine)) {
        val command = Json.parseToJsonElement(line).jsonObject
        val to = command["to"]?.jsonPrimitive?.int
        when (command.getValue("do").jsonPrimitive.content) {
            "returned" -> runner.returned(checkNotNull(to), command.getValue("url"))
            "abort" -> jobs[to]?.cancel()
            else -> {
                val number = command.getValue("id").jsonPrimitive.int
                // The command has begun before the next one is read.
                jobs[number] = launch(start = CoroutineStart.UNDISPATCHED) { runner.run(number, command) }
            }
        }
    }
    currentCoroutineContext().job.cancelChildren()
}

private class Runner {
    private val json = Json {
        namingStrategy = JsonNamingStrategy.SnakeCase
        explicitNulls = false
        encodeDefaults = true
    }
    private val returnUrl = System.getenv("CONNECT_RETURN_URL")
    private val returnUrls = ConcurrentHashMap<Int, CompletableDeferred<String?>>()
    private val client = ConnectClient(System.getenv("CONNECT_URL"), JavaNetTransport()) {
        File(System.getenv("CONNECT_BEARER_FILE")).readText()
    }

    fun returned(to: Int, url: JsonElement) {
        returnUrls.getValue(to).complete(if (url is JsonNull) null else url.jsonPrimitive.content)
    }

    suspend fun run(number: Int, command: JsonObject) {
        try {
            val ok = perform(number, command)
            say(number) { put("ok", ok) }
        } catch (_: CancellationException) {
            fail(number, "cancelled", 0, null)
        } catch (failure: ConnectFailure) {
            fail(number, failure.code.value, failure.status, failure.requestId)
        }
    }

    private suspend fun perform(number: Int, command: JsonObject): JsonElement {
        val parameters = command["params"]?.jsonObject ?: JsonObject(emptyMap())
        fun optional(name: String) = parameters[name]?.jsonPrimitive?.content
        fun text(name: String) = checkNotNull(optional(name)) { "$name is missing" }
        val id = optional("id").orEmpty()
        val direction = optional("direction")?.let(::Direction)
        return when (val operation = command.getValue("do").jsonPrimitive.content) {
            "connect" -> encode(
                client.connect(body<MintRequest>(command).copy(returnUrl = returnUrl)) { launchUrl ->
                    val returned = CompletableDeferred<String?>()
                    returnUrls[number] = returned
                    say(number) { put("open", launchUrl) }
                    returned.await()
                })
            "mintSession" -> encode(client.mint(body(command)))
            "readSession" -> encode(client.session(id))
            "confirmSession" -> encode(client.confirm(id, body<Map<String, String>>(command).getValue("code")))
            "followSession" -> {
                client.followSession(id).collect { session -> say(number) { put("event", encode(session)) } }
                JsonNull
            }
            "listLocations" -> encode(client.locations())
            "readLocation" -> encode(client.location(id))
            "forgetLocation" -> nothing(client.forgetLocation(id))
            "followLocation" -> {
                client.followLocation(id).collect { event -> say(number) { put("event", encode(event)) } }
                JsonNull
            }
            "readLocationStatus" -> encode(client.locationStatus(id))
            "listTariffs" -> encode(
                client.tariffs(
                    text("location_id"), direction, optional("type")?.let(::TariffType), optional("starting_after"),
                    optional("ending_before"), optional("limit")?.toInt()))
            "readPrices" -> encode(client.prices(id, text("end_time"), optional("start_time"), direction))
            "scheduleByDuration" -> encode(
                client.scheduleByDuration(
                    id, text("start_time"), text("end_time"), PriceSegment(text("segment")), text("duration").toInt(),
                    direction))
            "scheduleByLimit" -> encode(
                client.scheduleByLimit(
                    id, text("start_time"), text("end_time"), PriceSegment(text("segment")),
                    optional("relative")?.toDouble(), optional("absolute")?.toDouble(), direction))
            "scheduleByAmount" -> encode(client.scheduleByAmount(id, body(command)))
            "readCosts" -> encode(
                client.costs(
                    id, text("start_time"), text("end_time"), optional("aggregation")?.let(::Aggregation), direction,
                    optional("device_id")))
            "readSessionCosts" -> encode(client.sessionCosts(id, text("ref"), direction))
            "simulateCost" -> encode(client.simulateCost(id, body(command)))
            "putMeterIntervals" -> encode(client.putMeterIntervals(id, body(command)))
            "putMeterReadings" -> encode(client.putMeterReadings(id, body(command)))
            "readMeterBatch" -> encode(client.meterBatch(id, text("batch")))
            "listDevices" -> encode(client.devices(id))
            "createDevice" -> encode(client.createDevice(id, body(command)))
            "deleteDevice" -> nothing(client.deleteDevice(id, text("device")))
            else -> error("there is no operation $operation")
        }
    }

    private inline fun <reified Model> body(command: JsonObject): Model =
        json.decodeFromJsonElement(command.getValue("body"))

    private inline fun <reified Model> encode(model: Model): JsonElement = json.encodeToJsonElement(model)

    private fun nothing(@Suppress("unused") done: Unit): JsonElement = JsonNull

    private fun fail(number: Int, code: String, status: Int, requestId: String?) = say(number) {
        put("error", buildJsonObject {
            put("code", code)
            put("status", status)
            put("requestId", JsonPrimitive(requestId))
        })
    }

    @Synchronized
    private fun say(number: Int, fill: JsonObjectBuilder.() -> Unit) {
        println(buildJsonObject {
            put("id", number)
            fill()
        })
    }
}
