package androidx.lifecycle

import kotlinx.coroutines.CoroutineScope

abstract class ViewModel

val ViewModel.viewModelScope: CoroutineScope
    get() = throw UnsupportedOperationException("$this")
