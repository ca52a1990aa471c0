package android.content

/** What the documents use of Android, for the compiler: Debian has no more of it. */
abstract class Context

abstract class ActivityNotFoundException : RuntimeException()

abstract class Intent {
    abstract val dataString: String?
}
