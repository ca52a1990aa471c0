package androidx.browser.customtabs

import android.content.Context
import android.net.Uri

class CustomTabsIntent private constructor() {
    class Builder {
        fun build() = CustomTabsIntent()
    }

    fun launchUrl(context: Context, uri: Uri) {
        context.shown += "$uri"
    }
}
