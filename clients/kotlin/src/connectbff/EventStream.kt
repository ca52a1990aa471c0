package connectbff

import java.io.ByteArrayOutputStream

/**
 * One block of an event stream.
 *
 * @property lastId what to repeat as `Last-Event-ID`; empty before the first id
 * @property data empty where the block only sets the id
 */
internal data class ServerSentEvent(val lastId: String, val name: String, val data: String)

/** Reads server-sent events from bytes, however they are cut (HTML standard, section 9.2.6). */
internal class EventStream {
    private val line = ByteArrayOutputStream()
    private var isAfterCarriageReturn = false
    private var isFirstLine = true
    private var id = ""
    private var name = ""
    private val data = StringBuilder()

    /** The blocks that end in these bytes; a block that the stream's end cuts off is none. */
    fun read(bytes: ByteArray, count: Int): List<ServerSentEvent> {
        val events = ArrayList<ServerSentEvent>()
        for (index in 0 until count) {
            val byte = bytes[index].toInt()
            val endsCarriageReturn = isAfterCarriageReturn && byte == '\n'.code
            isAfterCarriageReturn = byte == '\r'.code
            when {
                endsCarriageReturn -> {}
                byte == '\n'.code || byte == '\r'.code -> endLine()?.let(events::add)
                line.size() + data.length >= LIMIT -> throw tooLong()
                else -> line.write(byte)
            }
        }
        return events
    }

    private fun endLine(): ServerSentEvent? {
        var text = line.toString("UTF-8")
        line.reset()
        if (isFirstLine) text = text.removePrefix("\uFEFF")
        isFirstLine = false
        if (text.isEmpty()) return endBlock()
        val field = text.substringBefore(':')
        val value = text.substringAfter(':', "").removePrefix(" ")
        when (field) {
            "id" -> if ('\u0000' !in value) id = value
            "event" -> name = value
            "data" -> data.append(value).append('\n')
        }
        return null
    }

    private fun endBlock(): ServerSentEvent {
        val event = ServerSentEvent(id, name.ifEmpty { "message" }, data.removeSuffix("\n").toString())
        name = ""
        data.clear()
        return event
    }

    private fun tooLong() = ConnectFailure(ErrorCode.InvalidAnswer, 200, "An event is longer than $LIMIT bytes.")

    private companion object {
        /** Far more than any event of the service's. */
        const val LIMIT = 1 shl 20
    }
}
