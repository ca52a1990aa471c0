package connectbff

import java.net.URLDecoder
import kotlinx.serialization.Serializable

// Every class here and in EnergyModels.kt has the name of its schema in openapi.yaml, and its properties are those of
// the schema in camel case. What the contract does not require is nullable, and what it adds later is ignored.

/** What a session is about. Equal requests at the same time are one attempt: see [ConnectClient.connect]. */
@Serializable
data class MintRequest(
    val direction: Direction? = null,
    val type: TariffType? = null,
    /** One of the user's own locations, to show, change or add a tariff there. */
    val locationId: String? = null,
    /** The one tariff of [locationId] that the session is about. */
    val tariffId: String? = null,
    /** `edit` or `disconnect`, with [locationId]. */
    val action: String? = null,
    val postalAddress: PostalAddress? = null,
    /** `RESIDENTIAL` or `COMMERCIAL`. */
    val postalAddressType: String? = null,
    /** The deep link that opens the app at the end, as it is on the service's list, byte for byte. */
    val returnUrl: String? = null,
    /** The name of the frontend; `page` is the service's own page, which [ConnectClient.connect] always takes. */
    val app: String? = null,
    /** The page's language: `en`, `de`, `fr` or `nl`. */
    val language: String? = null,
    val options: MintOptions? = null,
    /** `false` where a backend vouches for the customer. */
    val confirm: Boolean? = null,
)

/** An address that Connect then does not ask for. */
@Serializable
data class PostalAddress(
    val addressLine1: String? = null,
    val addressLine2: String? = null,
    val city: String? = null,
    val state: String? = null,
    val postCode: String? = null,
    /** ISO 3166-1 alpha-2, such as `GB`. */
    val countryCode: String? = null,
)

/** Optional pages of Connect; all are off when left out. */
@Serializable
data class MintOptions(
    val advancedTariffCapture: Boolean? = null,
    val tariffNameCapture: Boolean? = null,
    val contractTermCapture: Boolean? = null,
    /** The page runs in a WebView of the app, and posts a message at the end. */
    val shell: Boolean? = null,
)

/** A session that was just minted. Its text shows no credential. */
@Serializable
data class MintedSession(
    val id: String,
    val state: SessionState,
    /** Opens the page, once. Whoever opens it first has the session: neither store nor log it. */
    val launchUrl: String,
    /** For an app that calls Connect itself; `null` for the service's own page. Neither store nor log it. */
    val connectToken: String? = null,
    val expiresAt: String,
    val liveMode: Boolean,
) {
    override fun toString(): String = "MintedSession(id=$id, state=$state, expiresAt=$expiresAt, liveMode=$liveMode)"
}

/** A Connect session as the service knows it. Times are RFC 3339. */
@Serializable
data class Session(
    val id: String,
    val state: SessionState,
    /** Whether the session's code was redeemed; `null` where no confirmation is needed. */
    val confirmed: Boolean? = null,
    /** Why it failed, such as `foreign_tab`. */
    val reason: String? = null,
    /** The customer's location, once the session led to one and is confirmed where it has to be. */
    val locationId: String? = null,
    val priceAvailable: Boolean? = null,
    val direction: Direction,
    val type: TariffType,
    val createdAt: String,
    val expiresAt: String,
    /** When the customer left, or the token's life was over; `null` again if they come back. */
    val endedAt: String? = null,
    val liveMode: Boolean,
) {
    /** Whether nothing can change any more. A result that waits for its confirmation is not final. */
    val isFinal: Boolean
        get() = endedAt != null && when (state) {
            SessionState.Expired -> true
            SessionState.Connected, SessionState.Failed, SessionState.Disconnected ->
                confirmed != false || reason != null
            else -> false
        }
}

/** How far a session is. Expect values without a name here. */
@JvmInline
@Serializable
value class SessionState(val value: String) {
    override fun toString(): String = value

    companion object {
        val Created = SessionState("created")
        val Active = SessionState("active")

        /** The customer left before the end. They may come back; the app mints again. */
        val Abandoned = SessionState("abandoned")

        /** The provider has still to deliver the tariff: minutes, or two days. */
        val Pending = SessionState("pending")
        val Connected = SessionState("connected")
        val Failed = SessionState("failed")
        val Disconnected = SessionState("disconnected")
        val Expired = SessionState("expired")
    }
}

/** Which way energy flows. Expect values without a name here. */
@JvmInline
@Serializable
value class Direction(val value: String) {
    override fun toString(): String = value

    companion object {
        val Import = Direction("IMPORT")
        val Export = Direction("EXPORT")
        val Local = Direction("LOCAL")
    }
}

/** What a tariff charges for. Expect values without a name here. */
@JvmInline
@Serializable
value class TariffType(val value: String) {
    override fun toString(): String = value

    companion object {
        val Commodity = TariffType("COMMODITY")
        val NonCommodity = TariffType("NON_COMMODITY")
    }
}

/**
 * What the return URL says at the end of a session: a hint, as any app can open it. Not a data class, so that its text
 * shows no code.
 */
class EndedSession(
    val session: String,
    val status: SessionState,
    /** Confirms the session, once, within ten minutes. */
    val code: String?,
) {
    override fun toString(): String = "EndedSession(session=$session, status=$status)"

    companion object {
        /** Reads a return URL; `null` where it names no session. */
        fun of(url: String): EndedSession? {
            val query = url.substringBefore('#').substringAfter('?', "").split('&')
            // The service appends to the app's own query, the session first.
            val added = query.drop(query.indexOfLast { it.startsWith("session=") }.coerceAtLeast(0))
            fun value(name: String) = added.lastOrNull { it.startsWith("$name=") }?.substringAfter('=')?.let(::decoded)
            val session = value("session")?.takeIf(::isIdentifier) ?: return null
            return EndedSession(session, SessionState(value("status").orEmpty()), value("code"))
        }

        private fun decoded(text: String): String? =
            try {
                URLDecoder.decode(text, "UTF-8")
            } catch (_: IllegalArgumentException) {
                null
            }
    }
}

/** What the app sends to confirm. */
@Serializable
internal class ConfirmationRequest(val code: String)

/** Whether a text is an identifier of the service's: anything else in a path would be another path. */
internal fun isIdentifier(text: String): Boolean =
    text.length in 1..64 && text.all { it in 'a'..'z' || it in 'A'..'Z' || it in '0'..'9' || it == '_' || it == '-' }
