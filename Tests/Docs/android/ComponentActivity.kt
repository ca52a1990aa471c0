package androidx.activity

import android.content.Context
import android.content.Intent
import android.os.Bundle

abstract class ComponentActivity : Context() {
    abstract val intent: Intent

    protected open fun onCreate(savedInstanceState: Bundle?) = check(savedInstanceState == null)

    protected open fun onNewIntent(intent: Intent) = check(intent.dataString == null)

    protected open fun onResume() {}

    protected open fun onPause() {}
}
