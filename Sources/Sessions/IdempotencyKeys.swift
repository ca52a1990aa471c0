import Core
import FoundationEssentials

/// The keys that this process gave to mints, so that two taps are one mint while the store is away, too.
///
/// In bounded memory; the store has those that are forgotten here.
struct IdempotencyKeys {
    private struct Owner: Hashable {
        let subject: Subject
        let key: IdempotencyKey
    }
    private var mints: [Owner: IdempotentMint] = [:]
    private let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Takes a key for a mint, unless it is taken.
    /// - Returns: The mint that has it.
    mutating func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) -> IdempotentMint? {
        let owner = Owner(subject: subject, key: key)
        if let taken = mints[owner], !taken.isOver(at: now) { return taken }
        if mints.count >= capacity { mints = mints.filter { $0.value.answer == nil && !$0.value.isOver(at: now) } }
        mints[owner] = mint
        return nil
    }

    /// What became of a mint; nil gives its key back.
    mutating func end(_ key: IdempotencyKey, of subject: Subject, as mint: IdempotentMint?) {
        mints[Owner(subject: subject, key: key)] = mint
    }
}
