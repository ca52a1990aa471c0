package import Core
package import Flatpeak
package import FoundationEssentials
import Keys
package import Logging
package import Networking
package import Sessions

/// Inbound webhooks: signatures are verified, events persisted before they are acknowledged, their effect
/// is processed afterwards, and what no delivery brought is found in Flatpeak's list.
package final class Webhooks: Sendable {
    let keys: SigningKeys
    private let inbox: any Inbox
    private let intake: WebhookIntake
    let processor: EventProcessor
    let reconcile: Reconcile
    private let flatpeak: FlatpeakClient
    private let mode: FlatpeakMode?
    private let now: @Sendable () -> Date
    private let record = WebhookRecord()
    private let logger: Logger

    /// What the `kid` of a key for test data begins with (upstream.md §5.4).
    private static let testKey = "wsk_test_"

    /// - Parameters:
    ///   - fetchKeys: Reads Flatpeak's key set from its one address; throws, or returns nil, when that
    ///     fails.
    ///   - mode: `live` takes no event under a key for test data.
    ///   - now: The wall clock, in which deliveries are stamped.
    ///   - time: A monotonic clock, for waits.
    ///   - clock: Times senders and processing out.
    ///   - timeout: How long a sender waits for the disk; Flatpeak waits 10 seconds in all.
    package init(
        sessions: Sessions, reads: LocationReads, flatpeak: FlatpeakClient, inbox: any Inbox & LocationStore,
        fetchKeys: @escaping @Sendable () async throws(DocumentFailure) -> [UInt8]?, mode: FlatpeakMode? = nil,
        now: @escaping @Sendable () -> Date, time: ServiceClock = .real, clock: any Clock<Duration>,
        timeout: Duration = .seconds(3), logger: Logger
    ) {
        self.inbox = inbox
        self.flatpeak = flatpeak
        self.mode = mode
        self.now = now
        self.logger = logger
        keys = SigningKeys(fetch: fetchKeys, time: time, logger: logger)
        intake = WebhookIntake(inbox: inbox, clock: clock, timeout: timeout)
        processor = EventProcessor(
            sessions: sessions, reads: reads, inbox: inbox, now: now, time: time, clock: clock, record: record,
            logger: logger)
        reconcile = Reconcile(
            flatpeak: flatpeak, inbox: inbox, now: now, time: time, record: record, logger: logger,
            found: { [processor] in processor.nudge() })
    }

    /// Keeps keys at hand, processes events and reads Flatpeak's list, until cancelled.
    package func run() async {
        await withTaskGroup { group in
            group.addTask { [keys] in await keys.run() }
            group.addTask { [processor] in await processor.run() }
            group.addTask { [reconcile] in await reconcile.run() }
        }
    }

    /// The status of the webhooks, for operators.
    package var status: WebhookStatus {
        var status = record.status
        status.keysAgeSeconds = keys.age.map { Int64($0.saturatingWholeSeconds) }
        return status
    }

    /// Refuses a delivery whose headers alone show that it is not Flatpeak's; its body need not be there yet.
    /// - Throws: `signatureInvalid`.
    package func checkHead(of delivery: SignedDelivery) throws(BFFError) {
        let arrival = now()
        do throws(SignedDelivery.Flaw) { _ = try delivery.head(at: arrival) } catch {
            throw refusal(error, at: arrival)
        }
    }

    /// Takes a delivery: when it returns, the event is durable, and may be acknowledged.
    /// - Throws: `signatureInvalid`; `deliveryUncheckable` or `storeUnavailable`, so that it is sent again; or
    ///   `malformedJSON`.
    package func take(_ delivery: SignedDelivery) async throws(BFFError) {
        let arrival = now()
        let signed = try await check(delivery, at: arrival)
        let event = try FlatpeakEvent(delivery.body)
        if let flaw = try await flaw(of: event, signed) { throw refusal(flaw, at: arrival) }
        let id = event.id ?? Self.id(of: signed, delivery.body)
        let receipt = try await intake.receive(
            ReceivedEvent(
                id: id, type: event.type, body: delivery.body, digest: Digest.sha256(delivery.body),
                receivedAt: arrival))
        switch receipt {
        case .new: processor.nudge()
        case .known: break
        case .altered:
            logger.error(
                "an event came again and says something else; the first one counts", metadata: ["bff.event": "\(id)"])
        }
        let lag = arrival.timeIntervalSince(event.createdAt ?? signed.at)
        record.received(receipt, lag: receipt == .new ? lag : nil, at: arrival)
    }

    /// Checks the signature, and reads the keys once more when its key is not known: Flatpeak may have rolled them.
    private func check(_ delivery: SignedDelivery, at arrival: Date) async throws(BFFError) -> SignedDelivery.Signed {
        do throws(SignedDelivery.Flaw) {
            return try delivery.verify(at: arrival) { keys.key($0) }
        } catch .unknownKey {
            guard await keys.refresh() else { throw .deliveryUncheckable }
        } catch {
            throw refusal(error, at: arrival)
        }
        do throws(SignedDelivery.Flaw) {
            return try delivery.verify(at: arrival) { keys.key($0) }
        } catch .unknownKey where keys.isUnknown {
            throw .deliveryUncheckable
        } catch {
            throw refusal(error, at: arrival)
        }
    }

    /// What speaks against an event whose signature is good.
    private func flaw(
        of event: FlatpeakEvent, _ signed: SignedDelivery.Signed
    ) async throws(BFFError) -> SignedDelivery.Flaw? {
        if signed.keyID.hasBytePrefix(Self.testKey), event.liveMode == true || mode == .live { return .wrongMode }
        guard signed.isLate else { return nil }
        guard let id = event.id else { return .unconfirmed }
        // One that was acknowledged before is acknowledged again.
        if try await inbox.hasReceived(id) { return nil }
        do throws(BFFError) {
            return try await flatpeak.event(id).id == id ? nil : .unconfirmed
        } catch .notFound {
            return .unconfirmed
        } catch {
            throw .deliveryUncheckable
        }
    }

    private func refusal(_ flaw: SignedDelivery.Flaw, at arrival: Date) -> BFFError {
        record.refused(flaw, at: arrival)
        logger.info("a delivery was refused", metadata: ["bff.why": "\(flaw.rawValue)"])
        return .signatureInvalid
    }

    /// The id of an event that has none: a delivery of it that is signed anew is another event, since two such events
    /// may say the same and both count.
    private static func id(of signed: SignedDelivery.Signed, _ body: [UInt8]) -> EventID {
        EventID(prefix: "sha", random: Digest.sha256(signed.prefix + body))
    }
}
