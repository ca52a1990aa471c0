import android.content.Context
import kotlinx.coroutines.CoroutineStart.UNDISPATCHED
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.yield

private class Activity : Context()

/** Does with the page's `ConnectTab` what Android does, for a customer who turns the phone. */
fun main() = runBlocking {
    val tab = ConnectTab()
    val (one, other) = List(2) { Activity() }

    tab.onResume(one)
    val away = async(start = UNDISPATCHED) { tab.open("first") }
    check(one.shown == listOf("first"))
    tab.onPause()
    // Android makes the activity again, and gives it the deep link before it is in front.
    check(tab.isBack("myapp://tariff/done?session=cs_1"))
    tab.onResume(other)
    check(away.await() == "myapp://tariff/done?session=cs_1")

    tab.onPause()
    // The mint was answered between two activities.
    val between = async(start = UNDISPATCHED) { tab.open("second") }
    check(other.shown.isEmpty())
    tab.onResume(one)
    yield()
    check(one.shown == listOf("first", "second") && between.isActive)
    tab.onPause()
    tab.onResume(other)
    check(between.await() == null) { "the customer closed the tab" }

    check(!tab.isBack("myapp://tariff/done?session=cs_2")) { "nobody waits" }
}
