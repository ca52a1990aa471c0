package import Core
package import FoundationEssentials
package import Sessions
import Synchronization

extension InMemoryStore {
    package func unbind(_ location: LocationID, from subject: Subject) async throws(BFFError) -> Bool {
        try with(changing: .ownershipChanged(SubjectDigest(subject))) { state in
            let wasOwned = state.bindings.remove(Binding(subject: subject, location: location)) != nil
            state.forgetOrphanedWrites()
            state.deleteOrphanedActions()
            return wasOwned
        }
    }

    package func ownedLocations(of subject: Subject) async throws(BFFError) -> [OwnedLocation] {
        let found = try with { state in
            state.locationReads += 1
            return state.bindings.filter { $0.subject == subject }.map(\.location).sorted { $0.text < $1.text }
                .map { state.owned($0) }
        }
        await pause()
        return found
    }

    package func ownedLocation(_ location: LocationID, of subject: Subject) async throws(BFFError) -> OwnedLocation? {
        let found = try with { state in
            state.locationReads += 1
            return state.bindings.contains(Binding(subject: subject, location: location))
                ? state.owned(location) : nil
        }
        await pause()
        return found
    }

    /// Holds an answer back, when a test says so.
    private func pause() async {
        if let pause = state.withLock(\.answersLocations) { await pause() }
    }

    package func owners(of location: LocationID, limit: Int) async throws(BFFError) -> [Subject] {
        try with { state in
            let owners = state.bindings.filter { $0.location == location }.map(\.subject)
            return Array(owners.sorted { $0.text < $1.text }.prefix(limit))
        }
    }

    package func state(of location: LocationID) async throws(BFFError) -> LocationState {
        try with { state in LocationState(updatedAt: state.updates[location], action: state.actions[location]) }
    }

    package func actions(at locations: [LocationID]) async throws(BFFError) -> [LocationID: LocationAction] {
        try with { state in state.actions.filter { locations.contains($0.key) } }
    }

    package func clearAction(at location: LocationID, knownBefore instant: Date) async throws(BFFError) {
        try with(changing: .locationChanged(location)) { state in
            if let action = state.actions[location], action.since < instant { state.actions[location] = nil }
        }
    }

    /// Makes `location` one of the subject's own, as a session of theirs would.
    package func bind(_ location: LocationID, to subject: Subject) {
        state.withLock { _ = $0.bindings.insert(Binding(subject: subject, location: location)) }
        notify([.ownershipChanged(SubjectDigest(subject))])
    }

    /// Takes every location of the subject's away, and notifies nobody yet.
    package func unbindSilently(_ subject: Subject) {
        state.withLock { state in state.bindings = state.bindings.filter { $0.subject != subject } }
    }

    /// How often locations of a subject's own were read.
    package var locationReads: Int { state.withLock(\.locationReads) }

    /// Holds back the answers to reads of a subject's own locations, which are as of before.
    package var answersLocations: (@Sendable () async -> Void)? {
        get { state.withLock(\.answersLocations) }
        set { state.withLock { $0.answersLocations = newValue } }
    }

    // MARK: - Notifications

    package func detectChanges() -> Bool { detectsChanges }

    /// Whether ``detectChanges()`` can tell.
    package var detectsChanges: Bool {
        get { state.withLock(\.detectsChanges) }
        set { state.withLock { $0.detectsChanges = newValue } }
    }

    package func watch(_ notify: @escaping @Sendable (StoreChange) -> Void) async {
        let number = watchers.add(notify)
        defer { watchers.remove(number) }
        notify(.subscribed)
        while (try? await Task.sleep(for: .seconds(3600))) != nil {}
    }

    /// Notifies every process that watches.
    package func notify(_ changes: [StoreChange]) {
        watchers.notify(changes)
    }

    /// Calls the store, and then notifies of a change.
    func with<Value: Sendable>(
        changing changes: StoreChange..., body: (inout State) throws -> Value
    ) throws(BFFError) -> Value {
        defer { notify(changes) }
        return try with(body)
    }
}

extension InMemoryStore.State {
    fileprivate func owned(_ location: LocationID) -> OwnedLocation {
        OwnedLocation(location, action: actions[location]?.required, isHeld: holds[location]?.isEmpty == false)
    }
}

extension LocationStore {
    /// Whether a location is the subject's own.
    package func owns(_ subject: Subject, _ location: LocationID) async throws(BFFError) -> Bool {
        try await ownedLocation(location, of: subject) != nil
    }

    /// Lists the subject's own locations, sorted.
    package func locations(of subject: Subject) async throws(BFFError) -> [LocationID] {
        try await ownedLocations(of: subject).map(\.id)
    }
}
