import Core
import FoundationEssentials

/// What this process knows of sessions without asking the store, and what it owes the store.
///
/// Pure: the driver is ``SessionLedger``. Memory is bounded by two generations: when the young one is full, the old one
/// is dropped but for what is owed, so that what was used lately stays.
struct KnownSessions {
    private struct Generation {
        var entries: [SessionID: Entry] = [:]
        var ids: [ConnectToken: SessionID] = [:]
    }

    private struct Entry {
        var session: ConnectSession
        /// The facts that the store was told last; nil when it was told nothing yet.
        var kept: SessionFacts?
        /// Kept with the first write.
        var key: MintKey?
        /// Grows with each change that the store is owed.
        var version = 0
        var savedVersion = 0
        /// Until when no other process was said to have changed it: what ``KnownSessions/news`` was when the store was
        /// asked last, and when somebody changed it last.
        var askedAt = 0
        var changedAt = 0
        /// When a read last made us ask Flatpeak, for sessions of which nothing new was heard since.
        var readAt: Date?

        var isOwed: Bool { savedVersion < version }

        /// Owes the store what is news to it.
        /// - Returns: Whether that puts it in line. While a write is under way, its end does.
        mutating func owe() -> Bool {
            guard kept.map({ session.facts.areNews(since: $0) }) ?? true else { return false }
            defer { version += 1 }
            return !isOwed
        }
    }

    private var young = Generation()
    private var old = Generation()
    private let capacity: Int
    /// What is owed, in the order in which it came to be owed.
    private var owed: [SessionID] = []
    /// What the store is being told.
    private var underWay: [SessionID] = []
    /// Facts about sessions that are not known any more; the store has to be asked for the rest.
    private(set) var strays: [SessionID: SessionFacts] = [:]
    /// How often something was heard of other processes.
    private(set) var news = 0
    /// What ``news`` was when anything may have been changed.
    private var allChangedAt = 0
    /// Whether changes by other processes may be missed.
    private var isDeaf = false

    /// - Parameter capacity: Sessions that are remembered, as far as the store is not owed more.
    init(capacity: Int) {
        self.capacity = capacity
    }

    var owedCount: Int { owed.count }
    var count: Int { Set(young.entries.keys).union(old.entries.keys).count }
    /// More is owed than may be remembered; nothing new is taken on.
    var isFull: Bool { owed.count >= capacity }

    // MARK: - What others change

    /// Other processes changed these; the store has to be asked before they are believed again.
    mutating func changed(_ ids: [SessionID]) {
        news += 1
        for id in ids {
            young.entries[id]?.changedAt = news
            old.entries[id]?.changedAt = news
        }
    }

    /// Whether changes are told from here on; those before may have been missed.
    mutating func hears(_ hears: Bool) {
        isDeaf = !hears
        news += 1
        allChangedAt = news
    }

    /// Whether what is known is all that there is: nobody else has heard of it, or has said that it changed.
    private func isCurrent(_ entry: Entry) -> Bool {
        entry.kept == nil || (!isDeaf && entry.askedAt >= max(entry.changedAt, allChangedAt))
    }

    // MARK: - What is known

    /// All that are remembered.
    var ids: [SessionID] {
        young.entries.keys + old.entries.keys.filter { young.entries[$0] == nil }
    }

    /// A session, without keeping it young.
    func peek(_ id: SessionID) -> ConnectSession? {
        (young.entries[id] ?? old.entries[id])?.session
    }

    mutating func session(_ id: SessionID) -> ConnectSession? {
        index(of: id).map { young.entries.values[$0].session }
    }

    /// What `judge` says of a token's session, which it must not change; nil when the store has to be asked.
    ///
    /// In place: a copy would cost a relayed call more than all the rest that is done here.
    mutating func judge<Verdict>(_ token: ConnectToken, _ judge: (inout ConnectSession) -> Verdict) -> Verdict? {
        guard let id = young.ids[token] ?? old.ids[token], let index = index(of: id),
            isCurrent(young.entries.values[index])
        else { return nil }
        return judge(&young.entries.values[index].session)
    }

    /// A token's session, and whether the store need not be asked for what others know of it.
    mutating func session(token: ConnectToken) -> (session: ConnectSession, isCurrent: Bool)? {
        guard let id = young.ids[token] ?? old.ids[token], let index = index(of: id) else { return nil }
        let entry = young.entries.values[index]
        return (entry.session, isCurrent(entry))
    }

    /// Whether the store is about to hear that `location` is the subject's.
    func owes(_ subject: Subject, _ location: LocationID) -> Bool {
        (owed + underWay).contains { id in
            guard let session = (young.entries[id] ?? old.entries[id])?.session else { return false }
            return session.subject == subject && session.facts.located?.location == location
        }
    }

    /// The store said this.
    /// - Parameter askedAt: What ``news`` was when the store was asked.
    /// - Returns: The session with what the store has not heard yet.
    mutating func learn(_ session: ConnectSession, askedAt: Int) -> ConnectSession {
        var entry = young.entries[session.id] ?? old.entries[session.id] ?? Entry(session: session)
        entry.askedAt = max(entry.askedAt, askedAt)
        entry.session.facts.merge(session.facts)
        if let stray = strays.removeValue(forKey: session.id) { entry.session.facts.merge(stray) }
        entry.kept = session.facts
        if entry.owe() { owed.append(session.id) }
        put(entry)
        return entry.session
    }

    /// The store does not have this session any more.
    mutating func drop(_ id: SessionID) {
        for token in [young.entries[id], old.entries[id]].compactMap(\.?.session.connectToken) {
            young.ids[token] = nil
            old.ids[token] = nil
        }
        young.entries[id] = nil
        old.entries[id] = nil
        strays[id] = nil
        owed.removeAll { $0 == id }
    }

    // MARK: - What is owed

    /// A new session.
    /// - Returns: What ``isSaved(_:version:)`` takes.
    mutating func add(_ session: ConnectSession, key: MintKey?) -> Int {
        var entry = Entry(session: session, key: key)
        if entry.owe() { owed.append(session.id) }
        put(entry)
        return entry.version
    }

    /// Merges facts into a session.
    /// - Returns: Whether the store has to hear of it.
    mutating func note(_ facts: SessionFacts, in id: SessionID) -> Bool {
        guard let index = index(of: id) else {
            if strays.count < capacity { strays[id, default: SessionFacts()].merge(facts) }
            return true
        }
        young.entries.values[index].session.facts.merge(facts)
        if facts.relayed || facts.leftAt != nil { young.entries.values[index].readAt = nil }
        if young.entries.values[index].owe() { owed.append(id) }
        return young.entries.values[index].isOwed
    }

    /// Whether a read may make us ask Flatpeak, which is then counted.
    mutating func mayAsk(about id: SessionID, at now: Date, interval: TimeInterval) -> Bool {
        guard let index = index(of: id) else { return false }
        if let readAt = young.entries.values[index].readAt, now < readAt + interval { return false }
        young.entries.values[index].readAt = now
        return true
    }

    /// Whether the store has never heard of it.
    func isNew(_ id: SessionID) -> Bool {
        (young.entries[id] ?? old.entries[id]).map { $0.kept == nil } ?? false
    }

    /// What the store has to be told of a session; nil when it knows.
    func owedVersion(of id: SessionID) -> Int? {
        (young.entries[id] ?? old.entries[id]).flatMap { $0.isOwed ? $0.version : nil }
    }

    /// The store has this version, or the session is gone.
    func isSaved(_ id: SessionID, version: Int) -> Bool {
        guard let entry = young.entries[id] ?? old.entries[id] else { return true }
        return entry.savedVersion >= version
    }

    /// What the store is told next; ``saved(_:as:)`` or ``notSaved(_:)`` follows.
    mutating func take(_ limit: Int) -> [Owed] {
        let ids = Array(owed.prefix(limit))
        owed.removeFirst(ids.count)
        underWay = ids
        return ids.compactMap { id in
            guard let entry = young.entries[id] ?? old.entries[id] else { return nil }
            return Owed(
                write: SessionWrite(entry.session, isNew: entry.kept == nil, key: entry.key), version: entry.version,
                askedAt: news)
        }
    }

    /// A write under way.
    struct Owed {
        let write: SessionWrite
        let version: Int
        /// What ``KnownSessions/news`` was when the write began.
        let askedAt: Int
        var id: SessionID { write.session.id }
    }

    /// The store took `batch` and has `sessions` now.
    mutating func saved(_ batch: [Owed], as sessions: [ConnectSession]) {
        underWay = []
        let kept = Dictionary(sessions.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for owed in batch {
            guard let session = kept[owed.id] else {
                drop(owed.id)
                continue
            }
            guard var entry = young.entries[owed.id] ?? old.entries[owed.id] else { continue }
            entry.savedVersion = owed.version
            entry.kept = session.facts
            entry.askedAt = max(entry.askedAt, owed.askedAt)
            entry.key = nil
            entry.session.facts.merge(session.facts)
            if entry.isOwed { self.owed.append(owed.id) }
            put(entry)
        }
    }

    /// The store failed; `batch` is owed still.
    mutating func notSaved(_ batch: [Owed]) {
        owed = batch.map(\.id) + owed
        underWay = []
    }

    // MARK: - Generations

    /// Where an entry is in the young generation, into which it comes by being asked for.
    private mutating func index(of id: SessionID) -> Dictionary<SessionID, Entry>.Index? {
        if let index = young.entries.index(forKey: id) { return index }
        guard let entry = old.entries[id] else { return nil }
        put(entry)
        return young.entries.index(forKey: id)
    }

    private mutating func put(_ entry: Entry) {
        if young.entries[entry.session.id] == nil, young.entries.count >= max(1, capacity / 2) {
            let kept = old.entries.values.filter { $0.isOwed && young.entries[$0.session.id] == nil }
            old = young
            young = Generation()
            kept.forEach { place($0) }
        }
        place(entry)
    }

    private mutating func place(_ entry: Entry) {
        young.entries[entry.session.id] = entry
        young.ids[entry.session.connectToken] = entry.session.id
    }
}
