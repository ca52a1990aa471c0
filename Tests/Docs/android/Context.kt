package android.content

/** What the documents use of Android, for the compiler: Debian has no more of it. */
abstract class Context {
    /** The addresses that a Custom Tab of this one has shown. */
    val shown = mutableListOf<String>()
}

abstract class ActivityNotFoundException : RuntimeException()

abstract class Intent {
    abstract val dataString: String?
}
