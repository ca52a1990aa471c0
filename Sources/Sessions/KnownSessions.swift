import Core
import FoundationEssentials

/// What this process knows of sessions without asking the store, and what it owes the store.
///
/// Pure: the driver is ``SessionLedger``. Memory is bounded by two generations: when the young one is full, the old one
/// is dropped but for what is owed, so that what was used lately stays.
struct KnownSessions {
    private struct Entry {
        /// Kept with the first write.
        var key: MintKey?
        // From here to the end of its facts stands what a relayed call looks at.
        /// Until when no other process was said to have changed it: what ``KnownSessions/news`` was when the store was
        /// asked last, and when somebody changed it last.
        var askedAt = 0
        var changedAt = 0
        /// Grows with each change that the store is owed.
        var version = 0
        var savedVersion = 0
        var session: ConnectSession
        /// The facts that the store was told last; nil when it was told nothing yet.
        var kept: SessionFacts?
        /// When a read last made us ask Flatpeak, for sessions of which nothing new was heard since.
        var readAt: Date?

        var isOwed: Bool { savedVersion < version }

        /// Whether what is known is all that there is: nobody else has heard of it, or has said that it changed.
        /// - Parameter heard: What ``KnownSessions/news`` must have been at least when the store was asked.
        // Inlined, since what is called is handed a copy; for the same reason `kept` is looked at last, and not compared.
        @inline(__always) func isCurrent(since heard: Int) -> Bool {
            if askedAt >= max(changedAt, heard) { return true }
            if case nil = kept { return true }
            return false
        }

        /// What `judge` says of the session; nil when the store has to be asked.
        ///
        /// Mutating, since a copy of all this would cost a relayed call more than the judgement.
        mutating func judge<Verdict>(since heard: Int, _ judge: (inout ConnectSession) -> Verdict) -> Verdict? {
            isCurrent(since: heard) ? judge(&session) : nil
        }

        /// Merges facts.
        /// - Returns: Whether that puts it in line, and whether it is there.
        mutating func note(_ facts: SessionFacts) -> (isNews: Bool, isOwed: Bool) {
            session.facts.merge(facts)
            if facts.relayed || facts.leftAt != nil { readAt = nil }
            return (owe(), isOwed)
        }

        /// Owes the store what is news to it.
        /// - Returns: Whether that puts it in line. While a write is under way, its end does.
        mutating func owe() -> Bool {
            guard kept.map({ session.facts.areNews(since: $0) }) ?? true else { return false }
            defer { version += 1 }
            return !isOwed
        }
    }

    /// Sessions, found by their id and by their token.
    private struct Generation {
        /// Side by side: a dictionary's elements are changed by way of a copy, and every relayed call comes by here.
        var entries: ContiguousArray<Entry> = []
        private var ids: [SessionID: Int] = [:]
        private var tokens: [ConnectToken: Int] = [:]

        subscript(id: SessionID) -> Entry? { place(of: id).map { entries[$0] } }

        /// Where an entry is, until one is removed.
        func place(of id: SessionID) -> Int? { ids[id] }
        func place(of token: ConnectToken) -> Int? { tokens[token] }

        func has(_ token: ConnectToken, at place: Int) -> Bool {
            place < entries.count && entries[place].session.connectToken == token
        }

        /// Adds an entry, or replaces that of the same session.
        /// - Returns: Where it is.
        mutating func put(_ entry: Entry) -> Int {
            let place = ids[entry.session.id] ?? entries.count
            if place == entries.count { entries.append(entry) } else { entries[place] = entry }
            ids[entry.session.id] = place
            tokens[entry.session.connectToken] = place
            return place
        }

        mutating func remove(_ id: SessionID) {
            guard let place = ids.removeValue(forKey: id) else { return }
            let token = entries[place].session.connectToken
            if tokens[token] == place { tokens[token] = nil }
            // The last one takes its place.
            let last = entries.removeLast()
            guard place < entries.count else { return }
            entries[place] = last
            ids[last.session.id] = place
            tokens[last.session.connectToken] = place
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
    private(set) var strays: [ConnectToken: SessionFacts] = [:]
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
    var count: Int { ids.count }
    /// More is owed than may be remembered; nothing new is taken on.
    var isFull: Bool { owed.count >= capacity }

    // MARK: - What others change

    /// Other processes changed these; the store has to be asked before they are believed again.
    mutating func changed(_ ids: [SessionID]) {
        news += 1
        for id in ids {
            if let place = young.place(of: id) { young.entries[place].changedAt = news }
            if let place = old.place(of: id) { old.entries[place].changedAt = news }
        }
    }

    /// Whether changes are told from here on; those before may have been missed.
    mutating func hears(_ hears: Bool) {
        isDeaf = !hears
        news += 1
        allChangedAt = news
    }

    /// See ``Entry/isCurrent(since:)``; while changes may be missed, the store has never been asked late enough.
    private var heard: Int { isDeaf ? .max : allChangedAt }

    // MARK: - What is known

    /// All that are remembered.
    var ids: [SessionID] {
        young.entries.map(\.session.id) + old.entries.map(\.session.id).filter { young.place(of: $0) == nil }
    }

    /// A session, without keeping it young.
    func peek(_ id: SessionID) -> ConnectSession? {
        entry(id)?.session
    }

    mutating func session(_ id: SessionID) -> ConnectSession? {
        place(of: id).map { young.entries[$0].session }
    }

    mutating func id(of token: ConnectToken) -> SessionID? {
        place(of: token).map { young.entries[$0].session.id }
    }

    /// What `judge` says of a token's session, which it must not change, and of where that is; nil when the store has to
    /// be asked.
    mutating func judge<Verdict>(
        _ token: ConnectToken, _ judge: (_ session: inout ConnectSession, _ place: Int?) -> Verdict
    ) -> Verdict? {
        guard let place = place(of: token) else { return nil }
        let heard = heard
        return young.entries[place].judge(since: heard) { judge(&$0, place) }
    }

    /// A token's session, and whether the store need not be asked for what others know of it.
    mutating func session(token: ConnectToken) -> (session: ConnectSession, isCurrent: Bool)? {
        place(of: token).map { (young.entries[$0].session, young.entries[$0].isCurrent(since: heard)) }
    }

    /// Whether the store is about to hear that `location` is the subject's.
    func owes(_ subject: Subject, _ location: LocationID) -> Bool {
        (owed + underWay).contains { id in
            guard let session = peek(id) else { return false }
            return session.subject == subject && session.facts.located?.location == location
        }
    }

    /// The store said this.
    /// - Parameter askedAt: What ``news`` was when the store was asked.
    /// - Returns: The session with what the store has not heard yet.
    mutating func learn(_ session: ConnectSession, askedAt: Int) -> ConnectSession {
        var entry = entry(session.id) ?? Entry(session: session)
        entry.askedAt = max(entry.askedAt, askedAt)
        entry.session.facts.merge(session.facts)
        if let stray = strays.removeValue(forKey: session.connectToken) { entry.session.facts.merge(stray) }
        entry.kept = session.facts
        if entry.owe() { owed.append(session.id) }
        put(entry)
        return entry.session
    }

    /// The store does not have this session any more.
    mutating func drop(_ id: SessionID) {
        young.remove(id)
        old.remove(id)
        owed.removeAll { $0 == id }
    }

    /// The store does not know this token either.
    mutating func dropStray(_ token: ConnectToken) {
        strays[token] = nil
    }

    // MARK: - What is owed

    /// A new session.
    /// - Returns: What ``isSaved(_:version:)`` takes.
    mutating func add(_ session: ConnectSession, key: MintKey?) -> Int {
        var entry = Entry(key: key, session: session)
        if entry.owe() { owed.append(session.id) }
        put(entry)
        return entry.version
    }

    /// Merges facts into a token's session.
    /// - Parameter place: Where it was a moment ago; it need not be looked up if it still is there.
    /// - Returns: Whether the store has to hear of it.
    mutating func note(_ facts: SessionFacts, of token: ConnectToken, at place: Int? = nil) -> Bool {
        guard let place = place.flatMap({ young.has(token, at: $0) ? $0 : nil }) ?? self.place(of: token) else {
            if strays.count < capacity { strays[token, default: SessionFacts()].merge(facts) }
            return true
        }
        let (isNews, isOwed) = young.entries[place].note(facts)
        if isNews { owed.append(young.entries[place].session.id) }
        return isOwed
    }

    /// Whether a read may make us ask Flatpeak, which is then counted.
    mutating func mayAsk(about id: SessionID, at now: Date, interval: TimeInterval) -> Bool {
        guard let place = place(of: id) else { return false }
        if let readAt = young.entries[place].readAt, now < readAt + interval { return false }
        young.entries[place].readAt = now
        return true
    }

    /// Whether the store has never heard of it.
    func isNew(_ id: SessionID) -> Bool {
        entry(id).map { $0.kept == nil } ?? false
    }

    /// What the store has to be told of a session; nil when it knows.
    func owedVersion(of id: SessionID) -> Int? {
        entry(id).flatMap { $0.isOwed ? $0.version : nil }
    }

    /// The store has this version, or the session is gone.
    func isSaved(_ id: SessionID, version: Int) -> Bool {
        guard let entry = entry(id) else { return true }
        return entry.savedVersion >= version
    }

    /// What the store is told next; ``saved(_:as:)`` or ``notSaved(_:)`` follows.
    mutating func take(_ limit: Int) -> [Owed] {
        let ids = Array(owed.prefix(limit))
        owed.removeFirst(ids.count)
        underWay = ids
        return ids.compactMap { id in
            guard let entry = entry(id) else { return nil }
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
            guard var entry = entry(owed.id) else { continue }
            entry.savedVersion = owed.version
            entry.kept = session.facts
            entry.askedAt = max(entry.askedAt, owed.askedAt)
            entry.key = nil
            entry.session.facts.merge(session.facts)
            if entry.isOwed { self.owed.append(owed.id) }
            put(entry)
        }
    }

    /// The store cannot keep these versions: they stay in memory alone until there is something new to write.
    mutating func refused(_ batch: [Owed]) {
        for owed in batch {
            guard var entry = entry(owed.id) else { continue }
            entry.savedVersion = owed.version
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

    private func entry(_ id: SessionID) -> Entry? {
        young[id] ?? old[id]
    }

    /// Where an entry is in the young generation, into which it comes by being asked for.
    private mutating func place(of id: SessionID) -> Int? {
        young.place(of: id) ?? old[id].map { put($0) }
    }

    private mutating func place(of token: ConnectToken) -> Int? {
        young.place(of: token) ?? old.place(of: token).map { put(old.entries[$0]) }
    }

    @discardableResult private mutating func put(_ entry: Entry) -> Int {
        if young.place(of: entry.session.id) == nil, young.entries.count >= max(1, capacity / 2) {
            let kept = old.entries.filter { $0.isOwed && young.place(of: $0.session.id) == nil }
            old = young
            young = Generation()
            for entry in kept { _ = young.put(entry) }
        }
        return young.put(entry)
    }
}
