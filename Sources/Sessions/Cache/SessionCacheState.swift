import Core
import FoundationEssentials
import Resilience

/// A hint where a session is cached: it saves a look-up as long as the session is still there.
package struct CacheHandle: Sendable {
    fileprivate let index: Int
}

/// The state of the write-behind cache: the cached sessions, how fresh each is, and what is not persisted yet.
///
/// Pure: the driver is ``SessionCache``. Memory is bounded by two segments: when the young one is full, the old one is
/// dropped except for dirty sessions, so that recently used ones stay.
struct SessionCacheState {
    private struct Entry {
        /// Persisted with the first write.
        var key: MintKey?
        // A relayed call reads from here to the end of the session's facts.
        /// The generation of the last read of the store, and that of the last change by another process.
        var readGeneration = 0
        var changedGeneration = 0
        /// Grows with each change that has to be persisted.
        var version = 0
        var savedVersion = 0
        var session: ConnectSession
        /// The facts in the store; `nil` before the first write.
        var persisted: SessionFacts?
        /// When a read last caused a poll of Flatpeak; `nil` once something new happened in the session.
        var polledAt: Date?

        var isDirty: Bool { savedVersion < version }

        /// The location that the session holds by facts which the store lacks (``SessionChange/heldLocation``).
        var pendingHold: LocationID? {
            guard session.needsConfirmation, isDirty, let location = session.unconfirmedChange else { return nil }
            guard let persisted else { return location }
            var stored = session
            stored.facts = persisted
            return stored.unconfirmedChange == nil || stored.changedAt != session.changedAt ? location : nil
        }

        /// Whether the store need not be read: no other process knows the session, or none has changed it since.
        /// - Parameter required: The generation that a read must have at least.
        func isCurrent(since required: Int) -> Bool {
            if readGeneration >= max(changedGeneration, required) { return true }
            if case nil = persisted { return true }
            return false
        }

        /// Decides on a relayed call.
        ///
        /// `mutating` although nothing changes: a mutating call works on the entry in place. For a call that only reads, the
        /// compiler copies the session out of the array, with a retain for each of its strings, which costs a relayed call
        /// more than the decision.
        mutating func relayDecision(at now: Date, _ handle: CacheHandle) -> RelayDecision {
            if let error = session.relayRejection(at: now) { return .reject(error) }
            return .admit(AdmittedSession(caller: CallerKey(session.subject), handle: handle))
        }

        /// Merges facts.
        /// - Returns: Whether the session has to be queued, and whether it is dirty.
        mutating func record(_ facts: SessionFacts) -> (isNewlyDirty: Bool, isDirty: Bool) {
            session.facts.merge(facts)
            if facts.relayed || facts.leftAt != nil { polledAt = nil }
            return (markDirty(), isDirty)
        }

        /// Marks the session as dirty if the store lacks some of its facts.
        /// - Returns: Whether the session has to be queued; one whose write is in flight is queued when that ends.
        mutating func markDirty() -> Bool {
            if let persisted, !session.facts.needPersisting(over: persisted) { return false }
            defer { version += 1 }
            return !isDirty
        }
    }

    /// Sessions, found by their id and by their token.
    private struct Segment {
        /// An array beside the two indexes: a dictionary's values are changed by way of a copy, and every relayed call
        /// changes one.
        var entries: ContiguousArray<Entry> = []
        private var ids: [SessionID: Int] = [:]
        private var tokens: [ConnectToken: Int] = [:]

        subscript(id: SessionID) -> Entry? { index(of: id).map { entries[$0] } }

        /// The index of an entry, valid until one is removed.
        func index(of id: SessionID) -> Int? { ids[id] }
        func index(of token: ConnectToken) -> Int? { tokens[token] }

        func has(_ token: ConnectToken, at handle: CacheHandle) -> Bool {
            handle.index < entries.count && entries[handle.index].session.connectToken == token
        }

        /// Adds an entry, or replaces that of the same session.
        /// - Returns: Its index.
        mutating func put(_ entry: Entry) -> Int {
            let index = ids[entry.session.id] ?? entries.count
            if index == entries.count { entries.append(entry) } else { entries[index] = entry }
            ids[entry.session.id] = index
            tokens[entry.session.connectToken] = index
            return index
        }

        mutating func remove(_ id: SessionID) {
            guard let index = ids.removeValue(forKey: id) else { return }
            let token = entries[index].session.connectToken
            if tokens[token] == index { tokens[token] = nil }
            // The last entry moves into the gap.
            let last = entries.removeLast()
            guard index < entries.count else { return }
            entries[index] = last
            ids[last.session.id] = index
            tokens[last.session.connectToken] = index
        }
    }

    private var young = Segment()
    private var old = Segment()
    private let capacity: Int
    /// Dirty sessions, in the order in which they became dirty.
    private var dirty: [SessionID] = []
    /// Sessions of the write in flight.
    private var inFlight: [SessionID] = []
    /// Sessions of which a pending write holds a location, by location: a read need not look at all that are dirty.
    private var holding: [LocationID: Set<SessionID>] = [:]
    /// Facts of sessions that are not cached; each session still has to be read from the store.
    private(set) var orphanedFacts: [ConnectToken: SessionFacts] = [:]
    /// Grows with each notification of another process.
    private(set) var generation = 0
    /// The last generation in which any session may have been changed.
    private var allChangedGeneration = 0
    /// Whether changes by other processes may be missed, as there is no subscription.
    private var mayMissChanges = false

    /// - Parameter capacity: Cached sessions; there are more while more are dirty.
    init(capacity: Int) {
        self.capacity = capacity
    }

    var pendingCount: Int { dirty.count }
    var count: Int { ids.count }
    /// Whether so many sessions are dirty that no new one is accepted.
    var isFull: Bool { dirty.count >= capacity }

    // MARK: - Changes by other processes

    /// Invalidates sessions that other processes changed.
    mutating func changed(_ ids: [SessionID]) {
        generation += 1
        for id in ids {
            if let index = young.index(of: id) { young.entries[index].changedGeneration = generation }
            if let index = old.index(of: id) { old.entries[index].changedGeneration = generation }
        }
    }

    /// Invalidates everything: changes may have been missed until now.
    /// - Parameter isActive: Whether the store notifies of changes from here on.
    mutating func subscriptionChanged(isActive: Bool) {
        mayMissChanges = !isActive
        generation += 1
        allChangedGeneration = generation
    }

    /// The generation that a read must have to be current; without a subscription none is recent enough.
    private var requiredGeneration: Int { mayMissChanges ? .max : allChangedGeneration }

    // MARK: - Reads

    /// The cached sessions.
    var ids: [SessionID] {
        young.entries.map(\.session.id) + old.entries.map(\.session.id).filter { young.index(of: $0) == nil }
    }

    /// Reads a session without marking it as used.
    func peek(_ id: SessionID) -> ConnectSession? {
        entry(id)?.session
    }

    /// Reads a session and marks it as used; like all look-ups below.
    mutating func session(_ id: SessionID) -> ConnectSession? {
        index(of: id).map { young.entries[$0].session }
    }

    mutating func id(of token: ConnectToken) -> SessionID? {
        index(of: token).map { young.entries[$0].session.id }
    }

    /// Decides on a relayed call; `nil` when the store has to be read first.
    mutating func relayDecision(on token: ConnectToken, at now: Date) -> RelayDecision? {
        guard let index = index(of: token), young.entries[index].isCurrent(since: requiredGeneration) else {
            return nil
        }
        return young.entries[index].relayDecision(at: now, CacheHandle(index: index))
    }

    /// Reads a token's session, and whether it has all that other processes wrote.
    mutating func session(token: ConnectToken) -> (session: ConnectSession, isCurrent: Bool)? {
        index(of: token).map { (young.entries[$0].session, young.entries[$0].isCurrent(since: requiredGeneration)) }
    }

    /// Whether a pending write binds `location` to the subject.
    func hasPendingBinding(_ subject: Subject, _ location: LocationID) -> Bool {
        (dirty + inFlight).contains { id in
            // What the store has already, it knows better: it may have been taken away or be held since.
            guard let entry = entry(id), entry.persisted?.located == nil else { return false }
            return entry.session.subject == subject && entry.session.boundLocation == location
        }
    }

    /// Whether a pending write holds `location`.
    func hasPendingHold(at location: LocationID) -> Bool {
        holding[location]?.contains { entry($0)?.pendingHold == location } ?? false
    }

    /// Merges a session as it was read from the store.
    /// - Parameter readGeneration: What ``generation`` was before the read.
    /// - Returns: The session with its pending facts.
    mutating func refresh(_ session: ConnectSession, readGeneration: Int) -> ConnectSession {
        var entry = entry(session.id) ?? Entry(session: session)
        entry.readGeneration = max(entry.readGeneration, readGeneration)
        entry.session.facts.merge(session.facts)
        if let facts = orphanedFacts.removeValue(forKey: session.connectToken) { entry.session.facts.merge(facts) }
        entry.persisted = session.facts
        if entry.markDirty() { dirty.append(session.id) }
        put(entry)
        followHold(of: entry)
        return entry.session
    }

    /// Removes a session that was removed from the store.
    mutating func drop(_ id: SessionID) {
        if let location = entry(id)?.session.targetLocation { endHold(of: id, at: location) }
        young.remove(id)
        old.remove(id)
        dirty.removeAll { $0 == id }
    }

    /// Removes the facts of a token that the store does not know.
    mutating func dropOrphan(_ token: ConnectToken) {
        orphanedFacts[token] = nil
    }

    // MARK: - Writes

    /// Adds a new session.
    /// - Returns: Its version, for ``isSaved(_:version:)``.
    mutating func add(_ session: ConnectSession, key: MintKey?) -> Int {
        var entry = Entry(key: key, session: session)
        if entry.markDirty() { dirty.append(session.id) }
        put(entry)
        return entry.version
    }

    /// Merges facts into a token's session.
    /// - Parameter handle: Saves the look-up where the session has not moved.
    /// - Returns: Whether there is something to flush.
    mutating func record(_ facts: SessionFacts, of token: ConnectToken, at handle: CacheHandle? = nil) -> Bool {
        let cached = handle.flatMap { young.has(token, at: $0) ? $0.index : nil }
        guard let index = cached ?? index(of: token) else {
            if orphanedFacts.count < capacity { orphanedFacts[token, default: SessionFacts()].merge(facts) }
            return true
        }
        let (isNewlyDirty, isDirty) = young.entries[index].record(facts)
        if isNewlyDirty { dirty.append(young.entries[index].session.id) }
        if isDirty, young.entries[index].session.needsConfirmation { followHold(of: young.entries[index]) }
        return isDirty
    }

    /// Whether a read may cause a poll of Flatpeak; counts that poll if so.
    mutating func shouldPoll(_ id: SessionID, at now: Date, interval: TimeInterval) -> Bool {
        guard let index = index(of: id) else { return false }
        if let polledAt = young.entries[index].polledAt, now < polledAt + interval { return false }
        young.entries[index].polledAt = now
        return true
    }

    /// Whether a session was never written to the store.
    func isNew(_ id: SessionID) -> Bool {
        entry(id).map { $0.persisted == nil } ?? false
    }

    /// The version of a session that is not persisted yet; `nil` when it is clean.
    func pendingVersion(of id: SessionID) -> Int? {
        entry(id).flatMap { $0.isDirty ? $0.version : nil }
    }

    /// Whether this version is persisted, or the session was removed.
    func isSaved(_ id: SessionID, version: Int) -> Bool {
        guard let entry = entry(id) else { return true }
        return entry.savedVersion >= version
    }

    /// Takes the next sessions to write; ``saved(_:as:)``, ``refused(_:)`` or ``notSaved(_:)`` follows.
    mutating func takeDirty(_ limit: Int) -> [PendingWrite] {
        let ids = Array(dirty.prefix(limit))
        dirty.removeFirst(ids.count)
        inFlight = ids
        return ids.compactMap { id in
            guard let entry = entry(id) else { return nil }
            return PendingWrite(
                write: SessionWrite(entry.session, isNew: entry.persisted == nil, key: entry.key),
                version: entry.version, readGeneration: generation)
        }
    }

    /// A write in flight.
    struct PendingWrite {
        let write: SessionWrite
        let version: Int
        /// What ``SessionCacheState/generation`` was when the write began.
        let readGeneration: Int
        var id: SessionID { write.session.id }
    }

    /// Completes the write of `batch`.
    /// - Parameter sessions: The sessions of the batch as they are stored now; others were removed from the store.
    mutating func saved(_ batch: [PendingWrite], as sessions: [ConnectSession]) {
        inFlight = []
        let persisted = Dictionary(sessions.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for pending in batch {
            guard let session = persisted[pending.id] else {
                drop(pending.id)
                continue
            }
            guard var entry = entry(pending.id) else { continue }
            entry.savedVersion = pending.version
            entry.persisted = session.facts
            entry.readGeneration = max(entry.readGeneration, pending.readGeneration)
            entry.key = nil
            entry.session.facts.merge(session.facts)
            if entry.isDirty { dirty.append(pending.id) }
            put(entry)
            followHold(of: entry)
        }
    }

    /// Completes the write of sessions that the store refused: these versions stay in memory alone, and the next one is
    /// written again.
    mutating func refused(_ batch: [PendingWrite]) {
        for pending in batch {
            guard var entry = entry(pending.id) else { continue }
            entry.savedVersion = pending.version
            if entry.isDirty { dirty.append(pending.id) }
            put(entry)
            followHold(of: entry)
        }
    }

    /// Queues `batch` again after a failed write.
    mutating func notSaved(_ batch: [PendingWrite]) {
        dirty = batch.map(\.id) + dirty
        inFlight = []
    }

    // MARK: - Holds

    private mutating func followHold(of entry: Entry) {
        let id = entry.session.id
        if let location = entry.pendingHold {
            holding[location, default: []].insert(id)
        } else if let location = entry.session.targetLocation {
            endHold(of: id, at: location)
        }
    }

    private mutating func endHold(of id: SessionID, at location: LocationID) {
        guard holding[location]?.remove(id) != nil else { return }
        if holding[location]?.isEmpty == true { holding[location] = nil }
    }

    // MARK: - Segments

    private func entry(_ id: SessionID) -> Entry? {
        young[id] ?? old[id]
    }

    /// The index of an entry in the young segment, into which use moves it.
    private mutating func index(of id: SessionID) -> Int? {
        young.index(of: id) ?? old[id].map { put($0) }
    }

    private mutating func index(of token: ConnectToken) -> Int? {
        young.index(of: token) ?? old.index(of: token).map { put(old.entries[$0]) }
    }

    @discardableResult private mutating func put(_ entry: Entry) -> Int {
        if young.index(of: entry.session.id) == nil, young.entries.count >= max(1, capacity / 2) {
            let dirty = old.entries.filter { $0.isDirty && young.index(of: $0.session.id) == nil }
            old = young
            young = Segment()
            for entry in dirty { _ = young.put(entry) }
        }
        return young.put(entry)
    }
}
