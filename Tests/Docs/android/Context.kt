package android.content

/** What the guide uses of Android, for the compiler: Debian has no more of it. */
abstract class Context
