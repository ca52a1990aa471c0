import Core
import FoundationEssentials
import Metrics
import Synchronization
import Tracing

/// Spans on their way to a collector: OTLP over HTTP in JSON (opentelemetry-proto 1.x, section "JSON Protobuf Encoding").
///
/// A collector that is slow or away costs spans, which are counted, and nothing else.
package final class SpanExport: Sendable {
    private static let most = 4096
    /// Spans in one document, as exporters of OpenTelemetry have it: encoding takes several kilobytes a span meanwhile.
    private static let batch = 512
    private let waiting = Mutex<[EndedSpan]>([])
    private let lost = Counter(label: "connect_bff_spans_lost_total")
    private let send: @Sendable ([UInt8]) async -> Bool

    /// - Parameter send: Posts a document; false when it did not arrive.
    package init(send: @escaping @Sendable ([UInt8]) async -> Bool) {
        self.send = send
    }

    package func add(_ span: EndedSpan) {
        let isKept = waiting.withLock { waiting in
            guard waiting.count < Self.most else { return false }
            waiting.append(span)
            return true
        }
        if !isKept { lost.increment() }
    }

    /// Sends what there is every second, until cancelled.
    package func run() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil { await flush() }
    }

    /// Sends what there is now.
    package func flush() async {
        var spans = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting[...]
        }
        while !spans.isEmpty {
            let batch = spans.prefix(Self.batch)
            if await send(batch) {
                spans = spans.dropFirst(batch.count)
            } else if Task.isCancelled {
                // The service ends, and the last flush is still to come. What arrived after all is there twice, as one
                // span.
                return waiting.withLock { $0.insert(contentsOf: spans, at: 0) }
            } else {
                // A collector that does not take one batch is not waited for again with the others.
                return lost.increment(by: spans.count)
            }
        }
    }

    private func send(_ spans: ArraySlice<EndedSpan>) async -> Bool {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let document = try? encoder.encode(Document(spans)) else { return false }
        return await send(Array(document))
    }

    // MARK: - The document

    private struct Document: Encodable {
        struct Resource: Encodable { let attributes: [Attribute] }
        struct Scope: Encodable { let name = "connect-bff" }
        struct Scoped: Encodable {
            let scope = Scope()
            let spans: [Span]
        }
        struct OfResource: Encodable {
            let resource: Resource
            let scopeSpans: [Scoped]
        }
        let resourceSpans: [OfResource]

        init(_ spans: ArraySlice<EndedSpan>) {
            resourceSpans = [
                OfResource(
                    resource: Resource(attributes: [
                        Attribute(key: "service.name", value: .init(stringValue: "connect-bff"))
                    ]),
                    scopeSpans: [Scoped(spans: spans.map { Span($0) })])
            ]
        }
    }

    private struct Attribute: Encodable {
        struct Value: Encodable {
            var stringValue: String?
            /// A 64-bit number is a text in this encoding.
            var intValue: String?
        }
        let key: String
        let value: Value

        init(key: String, value: Value) {
            self.key = key
            self.value = value
        }

        init?(_ key: String, _ attribute: SpanAttribute) {
            switch attribute {
            case .string(let text): self.init(key: key, value: .init(stringValue: ConnectToken.masked(text)))
            case .int64(let number): self.init(key: key, value: .init(intValue: "\(number)"))
            case .int32(let number): self.init(key: key, value: .init(intValue: "\(number)"))
            default: return nil
            }
        }
    }

    private struct Span: Encodable {
        struct Status: Encodable { let code: Int }
        let traceId: String
        let spanId: String
        let parentSpanId: String?
        let traceState: String?
        let name: String
        let kind: Int
        let startTimeUnixNano: String
        let endTimeUnixNano: String
        let attributes: [Attribute]
        let status: Status?

        init(_ span: EndedSpan) {
            traceId = span.trace.traceID
            spanId = span.trace.spanID
            parentSpanId = span.parent.map { TraceContext.text($0) }
            traceState = span.trace.state
            name = ConnectToken.masked(span.name)
            kind = span.kind == .server ? 2 : span.kind == .client ? 3 : 1
            startTimeUnixNano = "\(span.start)"
            endTimeUnixNano = "\(span.end)"
            var attributes: [Attribute] = []
            span.attributes.forEach { key, value in attributes += [Attribute(key, value)].compactMap(\.self) }
            self.attributes = attributes.sorted { $0.key < $1.key }
            status = span.isFailed ? Status(code: 2) : nil
        }
    }
}
