package import Core
import Flatpeak
package import FoundationEssentials
package import Sessions
import Synchronization

/// A store in memory, which fails when a test says so.
package final class InMemoryStore: ServiceStore {
    struct Binding: Hashable {
        let subject: Subject
        let location: LocationID
    }
    struct Hold {
        let slot: TariffSlot
        let since: Date
    }
    struct Key: Hashable {
        let subject: Subject
        let key: IdempotencyKey
    }
    struct State {
        var sessions: [SessionID: ConnectSession] = [:]
        var holders: [SessionID: SessionHolder] = [:]
        var confirmations: [SessionID: Confirmation] = [:]
        var bindings: Set<Binding> = []
        /// The sessions that made the bindings.
        var binders: [Binding: SessionID] = [:]
        /// Locations that unconfirmed sessions hold.
        var holds: [LocationID: [SessionID: Hold]] = [:]
        var mints: [Key: IdempotentMint] = [:]
        var cursors: [SessionID: OutboxCursor] = [:]
        /// When the state of a session changes by time alone.
        var changes: [SessionID: Date] = [:]
        /// In the order of their birth.
        var events: [Event] = []
        /// Until when follow-ups are leased.
        var taken: [SessionID: Date] = [:]
        /// By the id of the event.
        var received: [EventID: (digest: [UInt8]?, at: Date)] = [:]
        var inbox: [EventID: (event: ReceivedEvent, dueAt: Date, attempts: Int)] = [:]
        var actions: [LocationID: LocationAction] = [:]
        /// When prices at a location may have changed last.
        var updates: [LocationID: Date] = [:]
        var bookmark: String?
        var devices: [StoredDevice] = []
        var batches: [StoredBatch] = []
        var ledger: [Key: LedgerEntry] = [:]
        var receipts = 0
        var refused: Set<SessionID> = []
        var isAway = false
        var writes = 0
        var locationReads = 0
        var detectsChanges = true
        var answersLocations: (@Sendable () async -> Void)?
    }
    struct Event {
        let event: NewEvent
        let sequence: Int?
        var dueAt: Date?
        var attempts = 0
        var deliveredAt: Date?
        var answer: String?
    }
    let state = Mutex(State())
    let watchers = StoreWatchers()

    package init() {}

    /// Whether every call fails.
    package var isAway: Bool {
        get { state.withLock(\.isAway) }
        set { state.withLock { $0.isAway = newValue } }
    }

    /// Calls of ``save(_:)`` that succeeded.
    package var writes: Int { state.withLock(\.writes) }

    /// Calls of ``receive(_:)`` that succeeded.
    package var receipts: Int { state.withLock(\.receipts) }

    /// Sessions of which no write is taken.
    package var refused: Set<SessionID> {
        get { state.withLock(\.refused) }
        set { state.withLock { $0.refused = newValue } }
    }

    package func save(_ writes: [SessionWrite], at now: Date) async throws(BFFError) -> SavedSessions {
        defer { notify(writes.flatMap { Self.changes(of: $0.session) }) }
        return try with { state in
            state.writes += 1
            var saved = SavedSessions()
            saved.refused = state.refused.intersection(writes.map(\.session.id))
            saved.kept = try writes.filter { !state.refused.contains($0.session.id) }.compactMap { write in
                let id = write.session.id
                let stored = state.sessions[id].map {
                    SessionChange.Stored(facts: $0.facts, cursor: state.cursors[id] ?? OutboxCursor())
                }
                guard let change = try SessionChange.merging(write, into: stored, at: now) else { return nil }
                state.keep(change, at: now)
                if let mint = write.key {
                    let key = Key(subject: change.session.subject, key: mint.key)
                    if state.mints[key]?.yields(to: mint.mint, at: now) ?? true { state.mints[key] = mint.mint }
                }
                return change.session
            }
            return saved
        }
    }

    package func publishTimedChanges(at now: Date, limit: Int) async throws(BFFError) -> Int {
        try with { state in
            let changed = state.changes.filter { $0.value <= now }.sorted { $0.value < $1.value }.prefix(limit)
            for (id, _) in changed {
                guard let session = state.sessions[id] else { continue }
                state.keep(try SessionChange.timed(session, state.cursors[id] ?? OutboxCursor(), at: now), at: now)
            }
            return changed.count
        }
    }

    package func session(_ id: SessionID) async throws(BFFError) -> ConnectSession? {
        try with { $0.sessions[id] }
    }

    package func session(token: ConnectToken) async throws(BFFError) -> ConnectSession? {
        try with { $0.sessions.values.first { $0.connectToken == token } }
    }

    package func held(_ id: SessionID) async throws(BFFError) -> HeldSession? {
        try with { state in state.sessions[id].map { HeldSession($0, holder: state.holders[id]) } }
    }

    package func setHolder(
        _ holder: SessionHolder, of id: SessionID, replacing expected: SessionHolder?
    ) async throws(BFFError) -> Bool {
        try with { state in
            guard state.sessions[id] != nil, state.holders[id] == expected else { return false }
            state.holders[id] = holder
            state.confirmations[id] = nil
            return true
        }
    }

    package func take(
        _ step: ConfirmationStep, of id: SessionID, at now: Date
    ) async throws(BFFError) -> ConfirmationChange? {
        let taken: ConfirmationChange? = try with { state in
            guard let session = state.sessions[id] else { return nil }
            let stored = ConfirmableSession(
                session, holder: state.holders[id], cursor: state.cursors[id] ?? OutboxCursor(),
                confirmation: state.confirmations[id] ?? Confirmation())
            let taken = try ConfirmationChange(step, of: stored, at: now)
            if let change = taken.change { state.keep(change, at: now) }
            if let confirmation = taken.confirmation { state.confirmations[id] = confirmation }
            return taken
        }
        if let taken, taken.change != nil { notify(Self.changes(of: taken.session)) }
        return taken
    }

    /// The changes of locations that a write of a session may be.
    private static func changes(of session: ConnectSession) -> [StoreChange] {
        var changes: [StoreChange] = []
        if session.needsConfirmation || session.facts.located != nil {
            changes.append(.ownershipChanged(SubjectDigest(session.subject)))
        }
        let held = session.needsConfirmation ? session.targetLocation : session.confirmedChange
        if let held { changes.append(.locationChanged(held)) }
        return changes
    }

    package func leaseDue(at instant: Date, limit: Int, until end: Date) async throws(BFFError) -> [ConnectSession] {
        try with { state in
            let free = state.sessions.values.filter { state.taken[$0.id].map { $0 <= instant } ?? true }
            let due = free.compactMap { session in session.nextPoll.map { (session, $0) } }
                .filter { $0.1 <= instant }.sorted { $0.1 < $1.1 }.prefix(limit).map(\.0)
            for session in due { state.taken[session.id] = end }
            return due
        }
    }

    package func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> IdempotentMint? {
        try with { state in
            let key = Key(subject: subject, key: key)
            if let taken = state.mints[key], !taken.isOver(at: now) { return taken }
            state.mints[key] = mint
            return nil
        }
    }

    package func release(_ key: MintKey, of subject: Subject) async throws(BFFError) {
        try with { state in
            let held = Key(subject: subject, key: key.key)
            if state.mints[held]?.holder == key.mint.holder { state.mints[held] = nil }
        }
    }

    /// Nothing is sealed in memory.
    package func adopt(stateKeys: [[UInt8]]) async throws(BFFError) {}

    package func forget(_ subject: Subject) async throws(BFFError) -> Forgotten {
        try with(changing: .ownershipChanged(SubjectDigest(subject))) { state in
            let before = (state.sessions.count, state.bindings.count)
            let own = Set(state.sessions.filter { $0.value.subject == subject }.keys)
            for (location, holds) in state.holds
            where !state.bindings.contains(where: { $0.location == location && $0.subject != subject }) {
                state.holds[location] = holds.filter { !own.contains($0.key) }
            }
            state.sessions = state.sessions.filter { $0.value.subject != subject }
            state.bindings = state.bindings.filter { $0.subject != subject }
            state.mints = state.mints.filter { $0.key.subject != subject }
            state.events.removeAll { $0.event.subject == subject }
            state.forgetStrays()
            state.forgetOrphanedWrites()
            state.deleteOrphanedActions()
            return Forgotten(sessions: before.0 - state.sessions.count, locations: before.1 - state.bindings.count)
        }
    }

    package func removeSessions(before instant: Date, at now: Date) async throws(BFFError) -> Int {
        try with { state in
            let before = state.sessions.count
            state.sessions = state.sessions.filter { $0.value.createdAt >= instant }
            state.mints = state.mints.filter { !$0.value.isOver(at: now) }
            state.ledger = state.ledger.filter { $0.value.endsAt > now }
            state.batches = state.batches.filter { $0.sentAt >= instant }
            state.events.removeAll { event in
                event.event.at < instant && (event.dueAt == nil || event.event.at < now - OutgoingEvent.leastLife)
            }
            let owned = Set(state.bindings.map(\.location))
            for (location, holds) in state.holds where !owned.contains(location) {
                state.holds[location] = holds.filter { $0.value.since >= instant }
            }
            state.forgetStrays()
            return before - state.sessions.count
        }
    }

    // MARK: - Inbox

    package func receive(_ events: [ReceivedEvent]) async throws(BFFError) -> [Receipt] {
        try with { state in
            state.receipts += 1
            return events.map { event in
                guard let known = state.received[event.id] else {
                    state.received[event.id] = (event.digest, event.receivedAt)
                    state.inbox[event.id] = (event, event.receivedAt, 0)
                    return .new
                }
                guard let digest = event.digest else { return .known }
                if let first = known.digest { return first == digest ? .known : .altered }
                state.received[event.id]?.digest = digest
                return .known
            }
        }
    }

    package func hasReceived(_ id: EventID) async throws(BFFError) -> Bool {
        try with { $0.received[id] != nil }
    }

    package func takeReceived(
        dueAt instant: Date, leasedUntil lease: Date, limit: Int
    ) async throws(BFFError) -> [TakenEvent] {
        try with { state in
            let due = state.inbox.values.filter { $0.dueAt <= instant }.sorted {
                ($0.dueAt, $0.event.receivedAt) < ($1.dueAt, $1.event.receivedAt)
            }
            return due.prefix(limit).map { entry in
                state.inbox[entry.event.id]?.dueAt = lease
                state.inbox[entry.event.id]?.attempts += 1
                let event = ReceivedEvent(
                    id: entry.event.id, type: entry.event.type, body: entry.event.body, digest: nil,
                    receivedAt: entry.event.receivedAt)
                return TakenEvent(event, attempts: entry.attempts + 1, lease: lease)
            }
        }
    }

    package func settle(_ id: EventID, _ effect: EventEffect) async throws(BFFError) -> Bool {
        defer { if let location = effect.location { notify([.locationChanged(location)]) } }
        return try with { state in
            guard state.inbox.removeValue(forKey: id) != nil else { return false }
            if let update = effect.update, state.bindings.contains(where: { $0.location == update.location }) {
                state.updates[update.location] = update.at
            }
            if let action = effect.action,
                action.required == .reconnect || state.actions[action.location]?.required != .reconnect
            {
                state.actions[action.location] = action
            }
            for event in effect.events { state.put(event) }
            return true
        }
    }

    package func postpone(_ event: TakenEvent, until instant: Date) async throws(BFFError) {
        try with { state in
            if state.inbox[event.event.id]?.dueAt == event.lease { state.inbox[event.event.id]?.dueAt = instant }
        }
    }

    package func waiting() async throws(BFFError) -> (count: Int, since: Date?) {
        try with { ($0.inbox.count, $0.inbox.values.map(\.event.receivedAt).min()) }
    }

    package func removeReceived(before instant: Date) async throws(BFFError) {
        try with { state in
            state.received = state.received.filter { $0.value.at >= instant || state.inbox[$0.key] != nil }
        }
    }

    package func bookmark() async throws(BFFError) -> String? {
        try with { $0.bookmark }
    }

    package func keep(bookmark: String) async throws(BFFError) {
        try with { $0.bookmark = bookmark }
    }

    func with<Value: Sendable>(_ body: (inout State) throws -> Value) throws(BFFError) -> Value {
        let value = state.withLock { state in state.isAway ? nil : (try? body(&state)) }
        guard let value else { throw .storeUnavailable }
        return value
    }
}

extension InMemoryStore.State {
    mutating func deleteOrphanedActions() {
        let owned = Set(bindings.map(\.location))
        actions = actions.filter { owned.contains($0.key) }
        updates = updates.filter { owned.contains($0.key) }
    }

    mutating func keep(_ change: SessionChange, at now: Date) {
        let session = change.session, id = session.id
        if let location = change.location {
            let binding = InMemoryStore.Binding(subject: session.subject, location: location)
            if bindings.insert(binding).inserted { binders[binding] = id }
        }
        if let location = change.unboundLocation {
            let binding = InMemoryStore.Binding(subject: session.subject, location: location)
            if binders[binding] == id {
                binders[binding] = nil
                bindings.remove(binding)
                deleteOrphanedActions()
            }
        }
        if let location = change.heldLocation {
            holds[location, default: [:]][id] = .init(slot: session.slot, since: session.changedAt ?? now)
        }
        if let location = change.releasedLocation {
            let end = session.replacedAt ?? .distantPast
            holds[location] = holds[location]?.filter {
                $0.key != id && ($0.value.slot != session.slot || $0.value.since >= end)
            }
        }
        if change.endsLease { taken[id] = nil }
        if let event = change.event { insert(event, sequence: change.cursor.sequence) }
        guard change.write != .none else { return }
        sessions[id] = change.session
        cursors[id] = change.cursor
        changes[id] = change.changesAt
    }

    /// Puts an event unless its id is there already.
    mutating func put(_ event: NewEvent) {
        guard !events.contains(where: { $0.event.id == event.id }) else { return }
        if let session = event.session, sessions[session] != nil {
            cursors[session, default: OutboxCursor()].sequence += 1
            insert(event, sequence: cursors[session]?.sequence)
        } else {
            insert(event, sequence: nil)
        }
    }

    private mutating func insert(_ event: NewEvent, sequence: Int?) {
        events.append(.init(event: event, sequence: sequence, dueAt: event.at))
    }

    /// Forgets what is kept beside sessions that are gone.
    mutating func forgetStrays() {
        holders = holders.filter { sessions[$0.key] != nil }
        confirmations = confirmations.filter { sessions[$0.key] != nil }
        cursors = cursors.filter { sessions[$0.key] != nil }
        changes = changes.filter { sessions[$0.key] != nil }
    }
}
