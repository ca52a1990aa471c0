import Core
import Flatpeak
import Gateway
import Keys
import Sessions
import Synchronization
import Telemetry
import TestSupport
import Testing

/// Traces, at real sockets: whose word about one is taken, what upstream receives of it, and what is kept.
@Suite(.serialized, .timeLimit(.minutes(2))) struct TraceTests {
    private static let theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let parent = "00-\(theirs)-00f067aa0ba902b7-01"

    private final class Spans: Sendable {
        private let ended = Mutex<[EndedSpan]>([])
        var tracer: SpanTracer { SpanTracer { span in self.ended.withLock { $0.append(span) } } }
        /// Those since it was last asked.
        func take() -> [EndedSpan] {
            ended.withLock { ended in
                defer { ended = [] }
                return ended
            }
        }
    }

    /// What upstream heard of one request, and what was kept of it.
    private struct Outcome {
        let headers: String
        let server: EndedSpan
        let call: EndedSpan
        var goesOn: Bool { server.trace.traceID == TraceTests.theirs }
    }

    /// Relays a call, on the lane.
    private static func relay(_ fixture: RelayFixture, _ spans: Spans, _ fields: String) async throws -> Outcome {
        let session = try await fixture.mint()
        _ = spans.take()
        let client = try await fixture.client()
        try await client.send(RelayFixture.call(session, fields: fields))
        let call = try #require(await fixture.upstream.next())
        try await call.answer("{}")
        #expect(try await client.answer().status == 200)
        await client.close()
        return try outcome(fixture, spans, call.head.lowercased(), "POST /", "flatpeak.relay")
    }

    /// Mints, by a route of the router's.
    private static func mint(_ fixture: RelayFixture, _ spans: Spans, _ fields: String) async throws -> Outcome {
        let client = try await fixture.client()
        try await client.send(RelayFixture.post("{}", path: "/v1/connect/sessions?fp_cot=cot_1", fields: fields))
        #expect(try await client.answer().status == 201)
        await client.close()
        let headers = try #require(fixture.api.requests("mint").last).headers
        return try outcome(
            fixture, spans, headers.map { "\($0): \($1)\r\n" }.joined().lowercased(), "POST /v1/connect/sessions",
            "flatpeak.mint")
    }

    private static func outcome(
        _ fixture: RelayFixture, _ spans: Spans, _ headers: String, _ server: String, _ call: String
    ) throws -> Outcome {
        let all = spans.take()
        let outcome = Outcome(
            headers: headers, server: try #require(all.first { $0.name == server }),
            call: try #require(all.first { $0.name == call }))
        #expect(outcome.call.parent == outcome.server.trace.span)
        #expect(headers.contains("traceparent: \(outcome.call.trace.traceparent)"))
        #expect(fixture.lines.all.last?.trace == outcome.server.trace.traceID)
        #expect(!headers.contains("baggage"))
        return outcome
    }

    private static func run(_ body: (RelayFixture, Spans, _ backend: String) async throws -> Void) async throws {
        let spans = Spans()
        let (key, line) = ServiceKeys.make(named: "backend", randomBytes: countingBytes())
        let setup = RelayFixture.Setup(
            authenticator: AnyOf([ServiceKeyAuthenticator(try ServiceKeys(line))]), tracer: spans.tracer)
        try await RelayFixture.run(setup) { fixture in
            try await body(fixture, spans, "Authorization: Bearer \(key)\r\nConnect-Subject: alice\r\n")
        }
    }

    @Test("a relayed call has a trace of its own; nothing that its client says of one travels (S40)")
    func S40lane() async throws {
        try await Self.run { fixture, spans, backend in
            for fields in [
                "", "traceparent: \(Self.parent)\r\ntracestate: vendor=1\r\nbaggage: user=alice\r\n",
                // Whoever relays holds a connect token, and is no more than that.
                "\(backend)traceparent: \(Self.parent)\r\ntracestate: vendor=1\r\n",
            ] {
                let outcome = try await Self.relay(fixture, spans, fields)
                #expect(!outcome.goesOn)
                #expect(outcome.server.parent == nil)
                #expect(!outcome.headers.contains("tracestate"))
                #expect(!outcome.headers.contains(Self.theirs))
            }
        }
    }

    @Test("on the router's routes the trace of a proven backend goes on, and no baggage (S40)")
    func S40backend() async throws {
        try await Self.run { fixture, spans, backend in
            let outcome = try await Self.mint(
                fixture, spans,
                "\(backend)traceparent: \(Self.parent)\r\ntracestate: vendor=1\r\nbaggage: user=alice\r\n")
            #expect(outcome.goesOn)
            #expect(outcome.server.parent == 0x00f0_67aa_0ba9_02b7)
            #expect(outcome.headers.contains("tracestate: vendor=1"))
            #expect(!outcome.headers.contains(Self.parent), "the parent is our span, not theirs")
        }
    }

    @Test("a traceparent that is malformed, oversized or given twice begins a new trace, also for the backend (S40)")
    func S40restarts() async throws {
        try await Self.run { fixture, spans, backend in
            for parent in [
                "", "00", "00-\(Self.theirs)-00f067aa0ba902b7", "\(Self.parent)-extra", "\(Self.parent)0",
                "ff-\(Self.theirs)-00f067aa0ba902b7-01", "01-\(Self.theirs)-00f067aa0ba902b7-01",
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-\(Self.theirs)-0000000000000000-01",
                Self.parent.uppercased(), "00-\(Self.theirs)-00f067aa0ba902b7-0g",
                "\(Self.parent), \(Self.parent)", "\(Self.parent)\r\ntraceparent: \(Self.parent)",
                "\u{e9}\(Self.parent.dropFirst())", String(repeating: Self.parent, count: 200),
            ] {
                let outcome = try await Self.mint(
                    fixture, spans, "\(backend)traceparent: \(parent)\r\ntracestate: vendor=1\r\n")
                #expect(!outcome.goesOn, "\(parent)")
                #expect(outcome.server.parent == nil, "\(parent)")
                #expect(!outcome.headers.contains("tracestate"), "\(parent)")
            }
        }
    }

    @Test(
        "a tracestate that is too long, has too many members or holds a token is dropped, and the trace goes on (S40)")
    func S40state() async throws {
        try await Self.run { fixture, spans, backend in
            for (state, isKept) in [
                ("v=" + String(repeating: "x", count: 510), true), ("v=" + String(repeating: "x", count: 511), false),
                ((1...32).map { "v\($0)=1" }.joined(separator: ","), true),
                ((1...33).map { "v\($0)=1" }.joined(separator: ","), false),
                ("v=cot_6587fa4362341be5b524de3b", false), ("v=\u{e9}", false),
                ("v=1\r\ntracestate: w=2", false),
            ] {
                let outcome = try await Self.mint(
                    fixture, spans, "\(backend)traceparent: \(Self.parent)\r\ntracestate: \(state)\r\n")
                #expect(outcome.goesOn, "\(state)")
                #expect(outcome.headers.contains("tracestate: \(state)") == isKept, "\(state)")
                #expect(outcome.headers.contains("tracestate") == isKept, "\(state)")
            }
        }
    }

    @Test("whoever is not proven gets a new trace (S40)")
    func S40public() async throws {
        try await Self.run { fixture, spans, backend in
            for fields in ["", "Authorization: Bearer sbk_wrong\r\nConnect-Subject: alice\r\n"] {
                let client = try await fixture.client()
                try await client.send(
                    RelayFixture.post(
                        "{}", path: "/v1/connect/sessions", fields: "\(fields)traceparent: \(Self.parent)\r\n"))
                #expect(try await client.answer().status == 401)
                let server = try #require(spans.take().first)
                #expect(server.trace.traceID != Self.theirs)
                #expect(server.parent == nil)
                await client.close()
            }
        }
    }

    @Test("no span has a token or a path that came, and a failed call is marked as such (S2)")
    func S2() async throws {
        try await Self.run { fixture, spans, backend in
            let minted = try await Self.mint(fixture, spans, backend)
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            let call = try #require(await fixture.upstream.next())
            await call.close()
            #expect(try await client.answer().status == 502)
            let relayed = spans.take()
            #expect(relayed.count { $0.isFailed } == 2)
            for span in [minted.server, minted.call] + relayed {
                #expect(!"\(span)".contains("cot_"), "\(span)")
            }
        }
    }

    @Test("without tracing, upstream receives no trace context and the log has none (S40)")
    func S40off() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(
                RelayFixture.call(
                    session, fields: "traceparent: \(Self.parent)\r\ntracestate: vendor=1\r\nbaggage: a=b\r\n"))
            let call = try #require(await fixture.upstream.next())
            try await call.answer("{}")
            #expect(try await client.answer().status == 200)
            for name in ["traceparent", "tracestate", "baggage"] { #expect(!call.head.lowercased().contains(name)) }
            #expect(fixture.lines.all.last.map { $0.trace == nil } == true)
        }
    }
}
