import Core
import Resilience

/// A cache of the locations that subjects own, read from the store less than five seconds ago; bounded in total and per
/// subject.
///
/// Pure: changes and times come in, and the driver is ``OwnershipLookup``. Only "yes" is kept: a location that is not
/// found here has to be looked up in the store. Nothing is kept while changes are not notified.
struct OwnershipCache: Sendable {
    /// A read of the store: whose locations, and what was known when it began.
    struct Reading: Sendable {
        let subject: Subject
        let digest: SubjectDigest
        /// What ``OwnershipCache/generation`` was.
        let generation: Int
        let startedAt: ContinuousClock.Instant

        init(of subject: Subject, generation: Int, at now: ContinuousClock.Instant) {
            self.subject = subject
            digest = SubjectDigest(subject)
            self.generation = generation
            startedAt = now
        }
    }

    private struct Entry {
        /// At least one.
        var locations: [OwnedLocation]
        /// Whether the subject has no other locations; then they are sorted.
        let isComplete: Bool
        let digest: SubjectDigest
        /// When the earliest read of these locations began.
        let readAt: StoredInstant
        /// Its number in the queue.
        let number: Int

        func hasAged(at now: ContinuousClock.Instant) -> Bool {
            readAt.duration(to: now) >= OwnershipCache.life
        }
    }

    private var entries: [Subject: Entry] = [:]
    private var subjects: [SubjectDigest: Subject] = [:]
    /// The subjects of the entries that have a location.
    private var holders: [LocationID: Set<Subject>] = [:]
    private var queue = InsertionQueue<Subject>()
    /// Locations in all entries.
    private(set) var count = 0
    /// Grows with each change: a read of the store that began in an earlier generation may lack it, and is not kept.
    private(set) var generation = 0
    /// Whether changes are notified.
    private(set) var isActive = false
    private let capacity: Int
    private let share: Int

    /// How long a location is not looked up again, from the begin of the read.
    static let life = Duration.seconds(5)

    /// - Parameters:
    ///   - capacity: Locations in total; a few hundred bytes each.
    ///   - share: Locations of one subject.
    init(capacity: Int = 20_000, share: Int = 32) {
        self.capacity = capacity
        self.share = share
    }

    /// Places in the queue, those of removed entries included.
    var queueCount: Int { queue.count }

    // MARK: - Reads

    /// Returns a location that is the subject's own; `nil` when the store has to be read.
    func location(_ id: LocationID, of subject: Subject, at now: ContinuousClock.Instant) -> OwnedLocation? {
        guard let entry = entries[subject], !entry.hasAged(at: now) else { return nil }
        return entry.locations.first { $0.id == id }
    }

    /// Returns all locations of the subject's own; `nil` when the store has to be read.
    func locations(of subject: Subject, at now: ContinuousClock.Instant) -> [OwnedLocation]? {
        guard let entry = entries[subject], entry.isComplete, !entry.hasAged(at: now) else { return nil }
        return entry.locations
    }

    // MARK: - Insertion

    /// Adds a location that the store has as the subject's own.
    ///
    /// A subject that has its share starts anew.
    mutating func insert(_ location: OwnedLocation, _ reading: Reading) {
        guard isActive, reading.generation == generation else { return }
        var locations = [location], isComplete = false, readAt = reading.startedAt
        if let entry = entries[reading.subject], !entry.hasAged(at: reading.startedAt) {
            if let index = entry.locations.firstIndex(where: { $0.id == location.id }) {
                locations = entry.locations
                locations[index] = location
                isComplete = entry.isComplete
                readAt = min(entry.readAt.instant, readAt)
            } else if !entry.isComplete, entry.locations.count < share {
                locations = entry.locations + locations
                readAt = min(entry.readAt.instant, readAt)
            }
        }
        put(locations, isComplete: isComplete, reading, readAt: readAt)
    }

    /// Keeps all locations of a subject, unless they are more than its share.
    /// - Parameter locations: Sorted.
    mutating func insert(all locations: [OwnedLocation], _ reading: Reading) {
        guard isActive, reading.generation == generation, !locations.isEmpty, locations.count <= share else { return }
        put(locations, isComplete: true, reading, readAt: reading.startedAt)
    }

    private mutating func put(
        _ locations: [OwnedLocation], isComplete: Bool, _ reading: Reading, readAt: ContinuousClock.Instant
    ) {
        remove(reading.subject)
        // Of two subjects with one digest, notifications could name only one.
        if let other = subjects[reading.digest] { remove(other) }
        // One more than comes in, so that a crowd that has left is gone in time, and no single call takes long.
        for _ in 0..<2 {
            guard let oldest = oldest(), entries[oldest]?.hasAged(at: reading.startedAt) == true else { break }
            remove(oldest)
        }
        while count + locations.count > capacity, let oldest = oldest() { remove(oldest) }
        entries[reading.subject] = Entry(
            locations: locations, isComplete: isComplete, digest: reading.digest, readAt: StoredInstant(readAt),
            number: queue.append(reading.subject))
        subjects[reading.digest] = reading.subject
        for location in locations { holders[location.id, default: []].insert(reading.subject) }
        count += locations.count
        queue.compact(left: entries.count) { [entries] in entries[$0]?.number == $1 }
    }

    // MARK: - Changes

    /// Removes what was read of a subject's locations.
    mutating func invalidate(_ digest: SubjectDigest) {
        generation += 1
        if let subject = subjects[digest] { remove(subject) }
    }

    /// Removes what was read of a location, for all its owners.
    mutating func invalidate(_ location: LocationID) {
        generation += 1
        for subject in holders[location] ?? [] { remove(subject) }
    }

    /// Removes everything.
    mutating func invalidateAll() {
        generation += 1
        entries = [:]
        subjects = [:]
        holders = [:]
        queue = InsertionQueue()
        count = 0
    }

    /// Removes everything: changes may have been missed until now.
    /// - Parameter isActive: Whether changes are notified from here on.
    mutating func subscriptionChanged(isActive: Bool) {
        self.isActive = isActive
        invalidateAll()
    }

    // MARK: - Removal

    private mutating func oldest() -> Subject? {
        queue.oldest { [entries] in entries[$0]?.number == $1 }
    }

    private mutating func remove(_ subject: Subject) {
        guard let entry = entries.removeValue(forKey: subject) else { return }
        subjects[entry.digest] = nil
        for location in entry.locations {
            holders[location.id]?.remove(subject)
            if holders[location.id]?.isEmpty == true { holders[location.id] = nil }
        }
        count -= entry.locations.count
    }
}
