package import Core
package import FoundationEssentials
package import Sessions

/// What subjects made at Flatpeak for their locations.
extension InMemoryStore {
    // MARK: - Devices

    package func add(_ device: StoredDevice) async throws(BFFError) -> Bool {
        try with { state in
            guard state.owns(device.subject, device.location) else { return false }
            let isKnown = state.devices.contains {
                $0.id == device.id && $0.location == device.location && $0.subject == device.subject
            }
            if !isKnown { state.devices.append(device) }
            return true
        }
    }

    package func devices(at location: LocationID, of subject: Subject) async throws(BFFError) -> [StoredDevice] {
        try with { state in
            state.devices.filter { $0.location == location && $0.subject == subject }
                .sorted { ($0.createdAt, $0.id.text) < ($1.createdAt, $1.id.text) }
        }
    }

    package func removeDevice(
        _ id: DeviceID, at location: LocationID, of subject: Subject
    ) async throws(BFFError) -> Bool {
        try with { state in
            let before = state.devices.count
            state.devices.removeAll { $0.id == id && $0.location == location && $0.subject == subject }
            return state.devices.count < before
        }
    }

    // MARK: - Batches

    package func keep(_ batch: StoredBatch) async throws(BFFError) -> Bool {
        try with { state in
            guard state.owns(batch.subject, batch.location) else { return false }
            if let index = state.batches.firstIndex(where: { $0.isRecord(of: batch) }) {
                if batch.isProcessed { state.batches[index].isProcessed = true }
            } else {
                state.batches.append(batch)
            }
            return true
        }
    }

    package func batch(
        _ id: BatchID, at location: LocationID, of subject: Subject
    ) async throws(BFFError) -> StoredBatch? {
        try with { state in
            state.batches.first { $0.id == id && $0.location == location && $0.subject == subject }
        }
    }

    package func hasUnprocessedBatch(at location: LocationID, after instant: Date) async throws(BFFError) -> Bool {
        try with { state in
            state.batches.contains { $0.location == location && $0.sentAt > instant && !$0.isProcessed }
        }
    }

    // MARK: - Ledger

    package func begin(
        _ entry: LedgerEntry, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> LedgerEntry? {
        try with { state in
            let key = Key(subject: subject, key: key)
            if let taken = state.ledger[key], taken.endsAt > now { return taken }
            let own = state.ledger.filter { $0.key.subject == subject }.sorted {
                $0.value.startedAt > $1.value.startedAt
            }
            for (old, _) in own.dropFirst(LedgerEntry.share - 1) { state.ledger[old] = nil }
            state.ledger[key] = entry
            return nil
        }
    }

    package func end(
        _ key: IdempotencyKey, of subject: Subject, heldBy owner: String, as outcome: LedgerEntry.Outcome
    ) async throws(BFFError) {
        try with { state in
            let key = Key(subject: subject, key: key)
            if state.ledger[key]?.owner == owner { state.ledger[key]?.outcome = outcome }
        }
    }

    package func removeEntry(
        _ key: IdempotencyKey, of subject: Subject, heldBy owner: String
    ) async throws(BFFError) {
        try with { state in
            let key = Key(subject: subject, key: key)
            if state.ledger[key]?.owner == owner { state.ledger[key] = nil }
        }
    }
}

extension StoredBatch {
    fileprivate func isRecord(of other: StoredBatch) -> Bool {
        id == other.id && location == other.location && subject == other.subject
    }
}

extension InMemoryStore.State {
    fileprivate func owns(_ subject: Subject, _ location: LocationID) -> Bool {
        bindings.contains(InMemoryStore.Binding(subject: subject, location: location))
    }

    /// Removes what was made for locations that are not its subject's any more.
    mutating func forgetOrphanedWrites() {
        devices = devices.filter { owns($0.subject, $0.location) }
        batches = batches.filter { owns($0.subject, $0.location) }
        ledger = ledger.filter { owns($0.key.subject, $0.value.location) }
    }
}
