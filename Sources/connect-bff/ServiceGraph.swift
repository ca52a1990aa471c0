import Core
import Flatpeak
import FoundationEssentials
import Networking
import ServiceLifecycle
import Sessions
import Telemetry
import Tracing
import Webhooks

/// The part of the service behind its routes: the client of Flatpeak, sessions, webhooks and events, wired together.
struct ServiceGraph: Sendable {
    let tracer: (any Tracer)?
    let flatpeak: FlatpeakClient
    let cache: SessionCache
    let reads: LocationReads
    let sessions: Sessions
    let webhooks: Webhooks
    let logos: ProviderLogos
    let delivery: EventDelivery
    /// Signs events; `nil` when they are not delivered.
    let signer: EventSigner?
    private let spans: SpanExport?

    init(_ configuration: ServiceConfiguration, _ resources: ServiceResources) {
        let logger = resources.log.logger, store = resources.store
        let now: @Sendable () -> Date = { Date() }, clock = EventLoopClock()
        spans = configuration.telemetry.tracesURL.map { resources.spanExport(to: $0) }
        tracer = spans.map { spans in SpanTracer { spans.add($0) } }
        flatpeak = FlatpeakClient(
            configuration.flatpeak, transport: resources.flatpeak, tracer: tracer, logger: logger)
        logos = ProviderLogos(flatpeak)
        cache = SessionCache(store: store, now: now, clock: clock, logger: logger)
        reads = LocationReads(flatpeak: flatpeak, cache: cache, now: now)
        sessions = Sessions(
            flatpeak: flatpeak, cache: cache, reads: reads, settings: configuration.sessions, now: now,
            clock: clock, randomBytes: ConnectService.randomBytes, logger: logger)
        let receiver = configuration.events.map { resources.receiver($0) }
        signer = receiver?.signer
        delivery = EventDelivery(outbox: store, receiver: receiver, now: now, logger: logger)
        webhooks = Webhooks(
            sessions: sessions, reads: reads, flatpeak: flatpeak, inbox: store,
            fetchKeys: { [flatpeak] () throws(DocumentFailure) in try await flatpeak.keySet() },
            mode: configuration.flatpeak.mode, now: now, clock: clock, logger: logger)
    }

    /// What runs beside the listeners, in the order of their start.
    var services: [any Service] {
        [
            BackgroundWork("event delivery", { await delivery.run() }, finish: { await delivery.finish() }),
            BackgroundWork("bearer renewal") { await flatpeak.run() },
            BackgroundWork("webhooks") { await webhooks.run() },
            BackgroundWork("sessions", { await sessions.run() }, finish: { await sessions.finish() }),
        ]
    }

    /// Exports the spans of all others, and so starts before and ends after them; `nil` when tracing is disabled.
    var spanExport: BackgroundWork? {
        spans.map { spans in BackgroundWork("spans", { await spans.run() }, finish: { await spans.flush() }) }
    }
}

extension ServiceResources {
    fileprivate func spanExport(to url: String) -> SpanExport {
        SpanExport { [others] document in
            let answer = try? await others.post(
                document, to: url, headers: [("content-type", "application/json")], within: .seconds(5))
            return answer.map { (200..<300).contains($0.status) } ?? false
        }
    }

    fileprivate func receiver(_ events: EventSettings) -> EventDelivery.Receiver {
        EventDelivery.Receiver(signer: EventSigner(events.keys)) {
            [others] (body, headers) throws(TransportFailure) in
            try await others.post(body, to: events.url, headers: headers, within: EventDelivery.Receiver.timeLimit)
        }
    }
}
