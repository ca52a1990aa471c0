import Core
import FoundationEssentials
import Keys
import Resilience

/// A cache of users' tokens that were verified less than a minute ago, bounded in total and per subject.
///
/// Pure: digests, keys and times come in. A hit is what verification would give: an entry names all that this depends
/// on, the key set included, and the token's own times are checked at each use. Only successes are cached, and of a
/// token only its SHA-256 is kept.
struct VerifiedTokenCache: Sendable {
    /// Now, by two clocks: the token's times are of the wall clock, which may be set; the age of an entry is not.
    struct Time: Sendable {
        let wall: Date
        let monotonic: ContinuousClock.Instant
    }

    private struct Entry {
        let token: JSONWebToken.Verified
        /// The key set that it was verified with.
        ///
        /// Another document is another set, so that an entry ends when its key is replaced, withdrawn or ambiguous.
        let keys: SHA256Digest
        let verifiedAt: ContinuousClock.Instant
        /// Its number in the queue.
        let number: Int

        func hasAged(at now: ContinuousClock.Instant) -> Bool {
            verifiedAt.duration(to: now) >= VerifiedTokenCache.life
        }
    }

    private var entries: [SHA256Digest: Entry] = [:]
    /// The tokens of each subject, the oldest first.
    private var owned: [Subject: [SHA256Digest]] = [:]
    private var queue = InsertionQueue<SHA256Digest>()
    private let capacity: Int
    private let share: Int

    /// How long a token is not verified again.
    static let life = Duration.seconds(60)

    /// - Parameters:
    ///   - capacity: Tokens in total; a few hundred bytes each.
    ///   - share: Tokens of one subject, such as those of its devices.
    init(capacity: Int = 10_000, share: Int = 8) {
        self.capacity = capacity
        self.share = share
    }

    var count: Int { entries.count }

    /// Places in the queue, those of removed tokens included.
    var queueCount: Int { queue.count }

    /// The subject of a token that was verified under these keys and is still valid; nil when it must be verified.
    func subject(of digest: SHA256Digest, under keys: SHA256Digest, at now: Time) -> Subject? {
        guard let entry = entries[digest], entry.keys == keys, !entry.hasAged(at: now.monotonic),
            entry.token.validity.flaw(at: now.wall) == nil
        else { return nil }
        return entry.token.subject
    }

    /// Caches a token that was verified.
    ///
    /// A subject that has its share, or any token when the cache is full, makes room by the oldest of its own. Only
    /// the first token of a subject evicts another's: the oldest of all.
    /// - Parameter now: When its verification began.
    mutating func insert(
        _ token: JSONWebToken.Verified, for digest: SHA256Digest, under keys: SHA256Digest,
        at now: ContinuousClock.Instant
    ) {
        remove(digest)
        // One more than comes in, so that a crowd that has left is gone in time, and no single call takes long.
        for _ in 0..<2 {
            guard let oldest = oldest(), entries[oldest]?.hasAged(at: now) == true else { break }
            remove(oldest)
        }
        let isFull = entries.count >= capacity
        if let own = owned[token.subject], let oldest = own.first, isFull || own.count >= share {
            remove(oldest)
        } else if isFull, let oldest = oldest() {
            remove(oldest)
        }
        entries[digest] = Entry(token: token, keys: keys, verifiedAt: now, number: queue.append(digest))
        owned[token.subject, default: []].append(digest)
        queue.compact(left: entries.count) { [entries] in entries[$0]?.number == $1 }
    }

    private mutating func oldest() -> SHA256Digest? {
        queue.oldest { [entries] in entries[$0]?.number == $1 }
    }

    private mutating func remove(_ digest: SHA256Digest) {
        guard let entry = entries.removeValue(forKey: digest) else { return }
        let subject = entry.token.subject
        owned[subject]?.removeAll { $0 == digest }
        if owned[subject]?.isEmpty == true { owned[subject] = nil }
    }
}
