@file:OptIn(ExperimentalSerializationApi::class)

package connectbff

import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonNamingStrategy
import kotlinx.serialization.json.JsonObject

/** An object that the contract does not describe: Flatpeak's own. */
typealias JSONObject = JsonObject

/** The contract's JSON: names in snake case, absent in place of null, and room for what is added later. */
internal val wire = Json {
    namingStrategy = JsonNamingStrategy.SnakeCase
    explicitNulls = false
    ignoreUnknownKeys = true
    coerceInputValues = true
}

/** The text of an answer, checked before the decoder sees it; `null` for bytes that are not UTF-8, and for JSON that is
 * nested so deeply that a recursive decoder would run out of stack. */
internal fun jsonText(bytes: ByteArray): String? =
    try {
        Charsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString().takeIf { depth(it) <= 64 }
    } catch (_: CharacterCodingException) {
        null
    }

/** How many objects and arrays are open at once. */
internal fun depth(json: String): Int {
    var open = 0
    var deepest = 0
    var isInString = false
    var isEscaped = false
    for (character in json) {
        when {
            isEscaped -> isEscaped = false
            isInString -> when (character) {
                '\\' -> isEscaped = true
                '"' -> isInString = false
            }
            character == '"' -> isInString = true
            character == '{' || character == '[' -> deepest = maxOf(deepest, ++open)
            character == '}' || character == ']' -> open--
        }
    }
    return deepest
}
