import Resilience

/// Logos that were fetched, and what is known not to be one, within a budget of bytes; the least recently used are evicted.
///
/// An entry belongs to the client that caused its fetch until another client uses it. What belongs to one client is never
/// more than a share: beyond that the client's own entries are evicted, so that whoever asks for many digests evicts at
/// most a share of what others use.
struct LogoCache {
    /// What a fetch came to.
    enum Outcome: Equatable {
        case image(LogoImage)
        /// There is no such logo, or what is there is no picture.
        case missing
        /// The host did not answer well.
        case failed
    }

    enum Found: Equatable {
        /// - Parameter image: `nil` when there is none, as far as is known.
        case known(image: LogoImage?)
        case unknown
    }

    private struct Entry {
        let image: LogoImage?
        let until: ContinuousClock.Instant
        /// `nil` once another client has used it.
        var owner: CallerKey?
        /// Its numbers in the queue of all, and in that of its owner.
        var number: Int
        var ownNumber = 0

        var cost: Int { LogoCache.overhead + (image?.bytes.count ?? 0) }
    }

    private struct Owner {
        var queue = InsertionQueue<LogoDigest>()
        var count = 0
        var cost = 0
    }

    private var entries: [LogoDigest: Entry] = [:]
    /// The least recently used first.
    private var queue = InsertionQueue<LogoDigest>()
    private var owners: [CallerKey: Owner] = [:]
    private(set) var cost = 0
    private let budget: Int
    private let share: Int

    /// Bytes of an entry besides its image: digest, dates, and its share of the tables.
    static let overhead = 512
    /// As long as browsers keep it.
    static let imageLife = Duration.seconds(86_400)
    static let missingLife = Duration.seconds(900)
    static let failureLife = Duration.seconds(30)

    /// - Parameters:
    ///   - budget: Bytes of all entries.
    ///   - share: Bytes of one client's entries.
    init(budget: Int = 8 << 20, share: Int = 1 << 20) {
        self.budget = budget
        self.share = share
    }

    var count: Int { entries.count }

    /// Bytes of what belongs to a client.
    func cost(of client: CallerKey) -> Int { owners[client]?.cost ?? 0 }

    /// Looks a digest up, and counts as a use of it.
    mutating func find(_ digest: LogoDigest, for client: CallerKey, at now: ContinuousClock.Instant) -> Found {
        guard let entry = entries[digest], now < entry.until else { return .unknown }
        if let owner = entry.owner, owner != client { disown(digest) }
        touch(digest)
        return .known(image: entry.image)
    }

    /// Keeps what a fetch came to.
    ///
    /// An image that cannot be fetched again is served on.
    mutating func insert(
        _ outcome: Outcome, for digest: LogoDigest, by client: CallerKey, at now: ContinuousClock.Instant
    ) {
        let last = remove(digest)
        let image: LogoImage?, life: Duration
        switch outcome {
        case .image(let fetched): (image, life) = (fetched, Self.imageLife)
        case .missing: (image, life) = (nil, Self.missingLife)
        case .failed: (image, life) = (last?.image, Self.failureLife)
        }
        // What is in common use stays so.
        let owner: CallerKey? = if let last { last.owner } else { client }
        var entry = Entry(image: image, until: now + life, owner: owner, number: 0)
        guard entry.cost <= share else { return }
        if let owner {
            while let own = owners[owner], own.cost + entry.cost > share, let oldest = leastRecent(of: owner) {
                remove(oldest)
            }
        }
        while cost + entry.cost > budget, let oldest = leastRecent() { remove(oldest) }
        entry.number = queue.append(digest)
        cost += entry.cost
        if let owner {
            owners[owner, default: Owner()].count += 1
            owners[owner]?.cost += entry.cost
            entry.ownNumber = owners[owner]?.queue.append(digest) ?? 0
        }
        entries[digest] = entry
    }

    private mutating func leastRecent() -> LogoDigest? {
        queue.oldest { [entries] in entries[$0]?.number == $1 }
    }

    private mutating func leastRecent(of owner: CallerKey) -> LogoDigest? {
        owners[owner]?.queue.oldest { [entries] in
            entries[$0]?.ownNumber == $1 && entries[$0]?.owner == owner
        }
    }

    private mutating func touch(_ digest: LogoDigest) {
        entries[digest]?.number = queue.append(digest)
        queue.compact(left: entries.count) { [entries] in entries[$0]?.number == $1 }
        guard let owner = entries[digest]?.owner else { return }
        entries[digest]?.ownNumber = owners[owner]?.queue.append(digest) ?? 0
        compact(owner)
    }

    /// Ends what an entry counts for its owner.
    private mutating func disown(_ digest: LogoDigest) {
        guard let entry = entries[digest], let owner = entry.owner else { return }
        entries[digest]?.owner = nil
        subtract(entry, from: owner)
    }

    @discardableResult
    private mutating func remove(_ digest: LogoDigest) -> Entry? {
        guard let entry = entries.removeValue(forKey: digest) else { return nil }
        cost -= entry.cost
        queue.compact(left: entries.count) { [entries] in entries[$0]?.number == $1 }
        if let owner = entry.owner { subtract(entry, from: owner) }
        return entry
    }

    private mutating func subtract(_ entry: Entry, from owner: CallerKey) {
        owners[owner]?.count -= 1
        owners[owner]?.cost -= entry.cost
        if owners[owner]?.count == 0 { owners[owner] = nil } else { compact(owner) }
    }

    private mutating func compact(_ owner: CallerKey) {
        guard let left = owners[owner]?.count else { return }
        owners[owner]?.queue.compact(left: left) { [entries] in
            entries[$0]?.ownNumber == $1 && entries[$0]?.owner == owner
        }
    }
}
