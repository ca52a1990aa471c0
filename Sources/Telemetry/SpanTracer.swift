import Core
import Synchronization
package import Tracing

/// Makes spans and hands the ended ones on; carries W3C trace context, and no baggage.
package final class SpanTracer: Tracer {
    private let randomNumber: @Sendable () -> UInt64
    private let export: @Sendable (EndedSpan) -> Void

    /// - Parameter randomNumber: Makes ids, which must differ and need not be secret.
    package init(
        randomNumber: @escaping @Sendable () -> UInt64 = { .random(in: 1...UInt64.max) },
        export: @escaping @Sendable (EndedSpan) -> Void
    ) {
        self.randomNumber = randomNumber
        self.export = export
    }

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> InstrumentationContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> OpenSpan {
        var context = context()
        let parent = context.trace
        var trace = TraceContext(trace: parent?.trace ?? (randomNumber(), randomNumber()), span: randomNumber())
        trace.isSampled = parent?.isSampled ?? true
        trace.state = parent?.state
        context.trace = trace
        return OpenSpan(
            EndedSpan(
                trace: trace, parent: parent?.span, name: operationName, kind: kind,
                start: instant().nanosecondsSinceEpoch),
            in: context, export: export)
    }

    package func forceFlush() {}

    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        context.trace = extractor.extract(key: "traceparent", from: carrier).flatMap {
            TraceContext(traceparent: $0, tracestate: extractor.extract(key: "tracestate", from: carrier))
        }
    }

    package func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.trace else { return }
        injector.inject(trace.traceparent, forKey: "traceparent", into: &carrier)
        if let state = trace.state { injector.inject(state, forKey: "tracestate", into: &carrier) }
    }
}

/// A span that is over.
package struct EndedSpan: Sendable {
    package let trace: TraceContext
    /// The id of the span that this one is a part of.
    package let parent: UInt64?
    package var name: String
    package let kind: SpanKind
    /// In nanoseconds since 1970; likewise ``end``.
    package let start: UInt64
    package var end: UInt64 = 0
    package var attributes: SpanAttributes = [:]
    package var isFailed = false

    init(trace: TraceContext, parent: UInt64?, name: String, kind: SpanKind, start: UInt64) {
        self.trace = trace
        self.parent = parent
        self.name = name
        self.kind = kind
        self.start = start
    }
}

/// A span that is under way.
package final class OpenSpan: Tracing.Span {
    package let context: InstrumentationContext
    private let state: Mutex<EndedSpan?>
    private let export: @Sendable (EndedSpan) -> Void

    fileprivate init(
        _ span: EndedSpan, in context: InstrumentationContext, export: @escaping @Sendable (EndedSpan) -> Void
    ) {
        self.context = context
        self.export = export
        state = Mutex(span)
    }

    package var operationName: String {
        get { state.withLock { $0?.name } ?? "" }
        set { state.withLock { $0?.name = newValue } }
    }
    package var attributes: SpanAttributes {
        get { state.withLock { $0?.attributes } ?? [:] }
        set { state.withLock { $0?.attributes = newValue } }
    }
    package var isRecording: Bool { state.withLock { $0 != nil } && context.trace?.isSampled == true }

    package func setStatus(_ status: SpanStatus) {
        state.withLock { $0?.isFailed = status.code == .error }
    }

    /// An error is named by its type: its text may hold what must stay secret.
    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        let name = (error as? BFFError)?.code ?? "\(type(of: error))"
        state.withLock { span in
            span?.attributes["error.type"] = name
            span?.isFailed = true
        }
    }

    // Nothing here needs events or links.
    package func addEvent(_ event: SpanEvent) {}
    package func addLink(_ link: SpanLink) {}

    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let ended = state.withLock { span in
            defer { span = nil }
            return span
        }
        guard var ended, ended.trace.isSampled else { return }
        ended.end = instant().nanosecondsSinceEpoch
        export(ended)
    }
}
