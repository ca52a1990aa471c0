import Foundation
import Synchronization
import Testing
import Tracing

@testable import Telemetry

@Suite struct TraceTests {
    private static let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func `a good traceparent goes in and comes out`() throws {
        let context = try #require(TraceContext(traceparent: Self.good, tracestate: "vendor=1"))
        #expect(context.traceparent == Self.good)
        #expect(context.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(context.spanID == "00f067aa0ba902b7")
        #expect(context.isSampled)
        #expect(context.state == "vendor=1")
        #expect(TraceContext(traceparent: "\(Self.good.dropLast())0")?.isSampled == false)
    }

    @Test(
        "a traceparent that is not of version 00 to the letter is none (S40)",
        arguments: [
            "", "00", "\(good.dropLast())", "\(good)0", "\(good)-extra", "ff\(good.dropFirst(2))",
            "01\(good.dropFirst(2))", good.uppercased(), good.replacing("-", with: "_"),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", " \(good.dropLast())", "\(good)\r\n",
        ])
    func S40(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test("a tracestate of more than 512 letters is dropped, and so is one with control characters (S40)")
    func S40state() {
        for (state, isKept) in [
            (String(repeating: "x", count: 512), true), (String(repeating: "x", count: 513), false), ("a=\r\nb", false),
            ("", false),
        ] {
            #expect((TraceContext(traceparent: Self.good, tracestate: state)?.state != nil) == isKept)
        }
    }

    @Test func `spans have their parents, and an unsampled trace is carried on and not exported`() throws {
        let ended = Mutex<[EndedSpan]>([])
        let numbers = Mutex<UInt64>(0)
        let tracer = SpanTracer(
            randomNumber: {
                numbers.withLock { number in
                    number += 1
                    return number
                }
            }, export: { span in ended.withLock { $0.append(span) } })
        let root = tracer.startSpan("root", context: .topLevel, ofKind: .server)
        let child = tracer.startSpan("child", context: root.context, ofKind: .client)
        child.end()
        child.end()
        root.end()
        let spans = ended.withLock { $0 }
        #expect(spans.map(\.name) == ["child", "root"])
        #expect(spans[0].parent == spans[1].trace.span)
        #expect(spans[0].trace.traceID == spans[1].trace.traceID)
        #expect(spans[1].parent == nil)
        #expect(spans[1].end >= spans[1].start)

        var context = InstrumentationContext.topLevel
        context.trace = TraceContext(traceparent: "\(Self.good.dropLast())0")
        let unsampled = tracer.startSpan("quiet", context: context, ofKind: .server)
        #expect(unsampled.context.trace?.traceparent.hasSuffix("-00") == true)
        #expect(!unsampled.isRecording)
        unsampled.end()
        #expect(ended.withLock(\.count) == 2)
    }

    @Test("what goes to a collector is OTLP, and shows no token and no error's text (S1, S2)")
    func document() async throws {
        struct Leaky: Error { let key = "sk_test_planted" }
        let sent = Mutex<[[UInt8]]>([])
        let export = SpanExport { document in
            sent.withLock { $0.append(document) }
            return true
        }
        let tracer = SpanTracer { export.add($0) }
        let span = tracer.startSpan("GET /v1/cot_6587fa4362341be5", context: .topLevel, ofKind: .server)
        span.attributes["http.route"] = "/?fp_cot=cot_1"
        span.attributes["http.response.status_code"] = 502
        span.recordError(Leaky())
        span.end()
        await export.flush()
        await export.flush()
        let documents = sent.withLock { $0 }
        #expect(documents.count == 1)
        let text = String(decoding: try #require(documents.first), as: UTF8.self)
        #expect(text.contains(#""name":"GET /v1/cot_***""#))
        #expect(text.contains(#""stringValue":"/?fp_cot=cot_***""#))
        #expect(text.contains(#"{"key":"error.type","value":{"stringValue":"Leaky"}}"#))
        #expect(text.contains(#""intValue":"502""#))
        #expect(text.contains(#""status":{"code":2}"#))
        #expect(text.contains(#""kind":2"#))
        #expect(text.contains(#""service.name""#))
        #expect(!text.contains("planted"))
        #expect(!text.contains("6587fa"))
    }

    @Test("a document has at most 512 spans, and a collector that refuses one is sent no more of that flush (R26)")
    func batches() async throws {
        let sent = Mutex<[Int]>([])
        let export = SpanExport { document in
            sent.withLock { sent in
                sent.append(String(decoding: document, as: UTF8.self).components(separatedBy: "\"traceId\"").count - 1)
                return sent.count != 4
            }
        }
        let tracer = SpanTracer { export.add($0) }
        for _ in 0..<2 {
            for _ in 0..<1200 { tracer.startSpan("span", context: .topLevel, ofKind: .server).end() }
            await export.flush()
        }
        await export.flush()
        #expect(sent.withLock { $0 } == [512, 512, 176, 512])
    }
}
