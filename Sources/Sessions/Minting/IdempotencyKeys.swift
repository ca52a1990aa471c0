import Core
import FoundationEssentials

/// A cache of the idempotency keys of recent mints, so that two taps are one mint while the store is unavailable, too.
///
/// Bounded in total and per subject: a subject that uses many keys evicts its own, never those of others. Evicted keys
/// stay in the store.
struct IdempotencyKeys {
    private var mints: [Subject: [IdempotencyKey: IdempotentMint]] = [:]
    private(set) var count = 0
    private let capacity: Int
    private let share: Int

    /// - Parameters:
    ///   - capacity: Keys of all subjects.
    ///   - share: Keys of one subject.
    init(capacity: Int, share: Int) {
        self.capacity = capacity
        self.share = share
    }

    /// Takes a key for a mint, unless another mint holds it.
    /// - Returns: The mint that holds it.
    mutating func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) -> IdempotentMint? {
        if let taken = mints[subject]?[key], !taken.isOver(at: now) { return taken }
        set(nil, as: key, of: subject)
        if mints[subject]?.count ?? 0 >= share { evictOldest(of: subject, at: now) }
        if count >= capacity { evictOldest(at: now) }
        // If nothing could be evicted, the store alone decides.
        if mints[subject]?.count ?? 0 < share, count < capacity { set(mint, as: key, of: subject) }
        return nil
    }

    /// Replaces the mint that holds a key, or releases the key with `nil`; does nothing when another mint holds it.
    mutating func end(
        _ key: IdempotencyKey, of subject: Subject, heldBy holder: String, as mint: IdempotentMint?
    ) {
        guard mints[subject]?[key]?.holder == holder else { return }
        set(mint, as: key, of: subject)
    }

    private mutating func set(_ mint: IdempotentMint?, as key: IdempotencyKey, of subject: Subject) {
        let before = mints[subject]?[key]
        mints[subject, default: [:]][key] = mint
        count += (mint == nil ? 0 : 1) - (before == nil ? 0 : 1)
        if mints[subject]?.isEmpty == true { mints[subject] = nil }
    }

    /// Evicts the subject's oldest mint that is answered or over; a mint in progress is not evicted.
    private mutating func evictOldest(of subject: Subject, at now: Date) {
        let evictable = mints[subject]?.filter { $0.value.answer != nil || $0.value.isOver(at: now) }
        guard let oldest = evictable?.min(by: { $0.value.startedAt < $1.value.startedAt }) else { return }
        set(nil, as: oldest.key, of: subject)
    }

    /// Evicts mints that are over, and if that is not enough the oldest answered tenth, so that a full cache is not
    /// searched at each mint.
    private mutating func evictOldest(at now: Date) {
        let all = mints.flatMap { subject, keys in keys.map { (subject, $0.key, $0.value) } }
        for (subject, key, mint) in all where mint.isOver(at: now) { set(nil, as: key, of: subject) }
        guard count >= capacity else { return }
        let answered = all.filter { $0.2.answer != nil && !$0.2.isOver(at: now) }
            .sorted { $0.2.startedAt < $1.2.startedAt }
        for (subject, key, _) in answered.prefix(max(1, capacity / 10)) { set(nil, as: key, of: subject) }
    }
}
