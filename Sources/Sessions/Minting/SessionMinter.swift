package import Core
import Flatpeak
import FoundationEssentials
import Keys
import Logging
import Metrics
import Networking
import Resilience
import Synchronization

/// Mints connect tokens, and for an idempotency key the same one again.
package final class SessionMinter: Sendable {
    private let flatpeak: FlatpeakClient
    private let cache: SessionCache
    private let locations: LocationOwnership
    private let settings: SessionSettings
    private let now: @Sendable () -> Date
    private let randomBytes: @Sendable (Int) -> [UInt8]
    private let logger: Logger
    private let preparation: LocationPreparation

    private let keys = Mutex(IdempotencyKeys(capacity: 10_000, share: 100))

    /// - Parameter randomBytes: A cryptographically secure source.
    init(
        flatpeak: FlatpeakClient, cache: SessionCache, locations: LocationOwnership, settings: SessionSettings,
        now: @escaping @Sendable () -> Date, randomBytes: @escaping @Sendable (Int) -> [UInt8], logger: Logger
    ) {
        self.flatpeak = flatpeak
        self.cache = cache
        self.locations = locations
        self.settings = settings
        self.now = now
        self.randomBytes = randomBytes
        self.logger = logger
        preparation = LocationPreparation(flatpeak: flatpeak, cache: cache, now: now)
    }

    /// Creates a connect token for `subject`; returns the same one again for the same key and body.
    ///
    /// - Parameters:
    ///   - body: The JSON of a ``MintRequest``.
    ///   - key: Mints without a key are never merged: two tabs are two sessions.
    ///   - isByOwnBackend: Whether a service key authenticated the request.
    package func mint(
        _ body: [UInt8], as key: IdempotencyKey?, for subject: Subject, isByOwnBackend: Bool = false
    ) async throws(BFFError) -> Launch {
        let request = try MintRequest.read(body)
        let needsConfirmation = try request.needsConfirmation(under: settings, isByOwnBackend: isByOwnBackend)
        guard let key else { return try await mint(request, needsConfirmation, for: subject) }
        let mint = IdempotentMint(body: Digest.sha256(body), startedAt: now(), owner: randomBytes(12).hexadecimal)
        if let taken = await begin(mint, as: key, of: subject) {
            guard taken.body == mint.body else { throw .idempotencyKeyReused }
            guard let answer = taken.answer else { throw .idempotencyInProgress }
            if let session = try await cache.session(answer.session) {
                return Launch(session, by: LaunchLink(kept: answer.connectURL))
            }
            // The session was removed meanwhile: its key is free for one new mint.
            await release(MintKey(key, taken), of: subject)
            guard await begin(mint, as: key, of: subject) == nil else { throw .idempotencyInProgress }
        }
        do throws(BFFError) {
            return try await self.mint(request, needsConfirmation, as: MintKey(key, mint), for: subject)
        } catch {
            // A failed mint may be retried under its key. If this release fails too, the key expires.
            await release(MintKey(key, mint), of: subject)
            throw error
        }
    }

    /// Releases a key, in memory and in the store, unless another mint holds it by now.
    private func release(_ key: MintKey, of subject: Subject) async {
        keys.withLock { $0.end(key.key, of: subject, heldBy: key.mint.holder, as: nil) }
        try? await cache.withStore { store throws(BFFError) in try await store.release(key, of: subject) }
    }

    /// Takes a key, in memory and in the store; memory alone decides while the store is unavailable.
    /// - Returns: The mint that holds the key already; `nil` when it is now held by `mint`.
    private func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject
    ) async -> IdempotentMint? {
        let now = now()
        if let taken = keys.withLock({ $0.begin(mint, as: key, of: subject, at: now) }) { return taken }
        let taken = try? await cache.withStore { store throws(BFFError) in
            try await store.begin(mint, as: key, of: subject, at: now)
        }
        // Only an answer is cached: a mint in progress in another process also ends there.
        if let taken = taken ?? nil {
            keys.withLock { $0.end(key, of: subject, heldBy: mint.holder, as: taken.answer == nil ? nil : taken) }
        }
        return taken ?? nil
    }

    /// Puts the slot of the order's tariff into the order: of two that differ, Flatpeak would have to choose one.
    ///
    /// Where sessions are confirmed, the slot has to be known: it decides whose hold a session can end. And the answer says
    /// what is connected, so that it is refused as a read is while the location is held.
    /// - Throws: `notFound` for a tariff that is not the location's, whether it exists or not, `invalidField` for an order
    ///   of another slot or a tariff of none, and `confirmationRequired`.
    private func takeSlot(
        of tariff: TariffID, at location: LocationID, into order: inout MintOrder, for subject: Subject
    ) async throws(BFFError) {
        let listed = try await flatpeak.tariff(tariff, at: location, for: CallerKey(subject))
        try await locations.require(location, ownedBy: subject)
        guard let listed else { throw .notFound }
        guard let slot = listed.slot else {
            if settings.confirmation == .off { return }
            throw .invalidField("tariff_id", reason: .noSlot)
        }
        if let direction = order.direction, direction != slot.direction {
            throw .invalidField("direction", reason: .excluded)
        }
        if let type = order.type, type != slot.type { throw .invalidField("type", reason: .excluded) }
        (order.direction, order.type) = (slot.direction, slot.type)
    }

    private func mint(
        _ request: MintRequest, _ needsConfirmation: Bool, as key: MintKey? = nil, for subject: Subject
    ) async throws(BFFError) -> Launch {
        let (asked, returnURL, link) = try request.order(under: settings)
        var order = asked
        if let location = order.location {
            // Without an action Connect begins with what is connected there; each action replaces or removes it.
            let isHeldAllowed = order.action != nil && order.tariff == nil
            try await locations.require(location, ownedBy: subject, isHeldAllowed: isHeldAllowed)
            if let tariff = order.tariff {
                try await takeSlot(of: tariff, at: location, into: &order, for: subject)
            }
        }
        let startedAt = now(), mintedLocation = order.location
        let id = SessionID(prefix: "cs", random: randomBytes(12))
        var prepared: LocationID?
        if order.location == nil, flatpeak.needsLocation {
            try flatpeak.check(order)
            prepared = try await preparation.createLocation(of: id, at: order.postalAddress, for: subject)
            order.location = prepared
        }
        let minted = try await flatpeak.mint(order, for: CallerKey(subject))
        var session = ConnectSession(
            id: id, subject: subject, connectToken: minted.token,
            slot: TariffSlot(direction: order.direction ?? .importing, type: order.type ?? .commodity),
            mintedLocation: mintedLocation, mintedAction: order.action, returnURL: returnURL,
            liveMode: minted.liveMode, needsConfirmation: needsConfirmation, createdAt: startedAt,
            expiresAt: startedAt.addingTimeInterval(minted.expiresIn))
        session.facts.preparedLocation = prepared
        let answered = key.map { key in
            MintKey(
                key.key,
                IdempotentMint(
                    body: key.mint.body, startedAt: key.mint.startedAt, owner: key.mint.owner,
                    answer: .init(
                        session: session.id, connectURL: link.text,
                        expiresAt: min(session.expiresAt, startedAt + settings.idempotencyLife))))
        }
        try await cache.add(session, key: answered)
        if prepared != nil { await preparation.finish(id, of: subject) }
        if let answered {
            keys.withLock { $0.end(answered.key, of: subject, heldBy: answered.mint.owner, as: answered.mint) }
        }
        Counter(label: "connect_bff_mints_total").increment()
        if request.confirm == false {
            Counter(label: "connect_bff_mints_vouched_total").increment()
            logger.notice("minted without a confirmation", metadata: ["bff.session": "\(session.id)"])
        }
        logger.info("minted", metadata: ["bff.session": "\(session.id)"])
        return Launch(session, by: link)
    }
}

/// A minted session, and the way into the Connect UI.
package struct Launch: Sendable {
    package let session: ConnectSession
    /// Opens the Connect UI: with the session's connect token, or with a ticket for it.
    package let launchURL: String
    /// The token, for an app that calls Connect itself; `nil` where a ticket hands the session over.
    package let connectToken: ConnectToken?

    init(_ session: ConnectSession, by link: LaunchLink) {
        self.session = session
        launchURL = link.url(for: session)
        connectToken = link.hasTicket ? nil : session.connectToken
    }
}
