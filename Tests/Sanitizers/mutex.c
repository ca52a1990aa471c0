// ThreadSanitizer does not see into the library that holds the slow halves of Swift's Mutex: whoever had to wait for a
// lock would seem to hold none, and whoever wakes another one to hand on nothing. Loaded before it, this tells of both.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define HANDLE __attribute__((swift_context)) void *handle
#define SWIFT __attribute__((swiftcall))

// Synchronization._MutexHandle, one word that the fast halves set and clear: _lockSlow(_: UInt32) and _unlockSlow().
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

// They are there in a program that is watched, and not in one that starts it.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

SWIFT void told_lock(uint32_t thread, HANDLE) __asm__(LOCK);
SWIFT void told_unlock(HANDLE) __asm__(UNLOCK);

static SWIFT void (*real_lock)(uint32_t thread, HANDLE);
static SWIFT void (*real_unlock)(HANDLE);

__attribute__((constructor)) static void find(void) {
    *(void **)&real_lock = dlsym(RTLD_NEXT, LOCK);
    *(void **)&real_unlock = dlsym(RTLD_NEXT, UNLOCK);
}

SWIFT void told_lock(uint32_t thread, HANDLE) {
    real_lock(thread, handle);
    if (__tsan_acquire) __tsan_acquire(handle);
}

SWIFT void told_unlock(HANDLE) {
    if (__tsan_release) __tsan_release(handle);
    real_unlock(handle);
}
