import Foundation

/// Runs work that blocks on a thread of its own.
///
/// Tasks, and the look-ups of names that connections begin with, share as many threads as there are cores: who blocks
/// one of them for seconds holds up every other test.
func onOwnThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
    }
}
