import Core
import Edge
import Flatpeak
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Sessions
import TestSupport
import Testing

@testable import Gateway

/// The routes of locations, schedules and costs without sockets, against a scripted upstream.
@Suite struct EnergyRoutesTests {
    let upstream = ScriptedUpstream()
    let store = InMemoryStore()
    let table: RouteTable

    private static let window = "start_time=2026-03-01T19:00:00Z&end_time=2026-03-02T05:00:00Z"
    private static let energy = #""energy":{"units":"KWH","value":5.3}"#
    private static let amount =
        #"{"max_power":{"units":"KW","value":14},"data":[{"device_id":"dev_1","start_time":"2026-03-01T19:00:00Z","#
        + #""end_time":"2026-03-02T05:00:00Z",\#(energy)}]}"#
    private static let record =
        #"{"units":"WH","value":5300,"start_time":"2026-03-02T01:00:00Z","end_time":"2026-03-02T01:45:00Z"}"#

    init() throws {
        table = ServiceFixture(flatpeak: .scripted(upstream), store: store).table()
        store.bind(try #require(LocationID("loc_1")), to: try #require(Subject("demo")))
        for operation in ["schedule_duration", "schedule_limit", "schedule_amount", "cost_interval", "cost_session"] {
            upstream.on(operation, .json(#"{"data":[]}"#))
        }
        upstream.on("cost_instant", .json(#"{"data":{"start_time":"a","end_time":"b"}}"#))
        upstream.on("location", .json(#"{"id":"loc_1"}"#))
    }

    private func own(_ device: String, _ subject: String = "demo") async throws {
        let stored = StoredDevice(
            id: try #require(DeviceID(device)), location: try #require(LocationID("loc_1")),
            subject: try #require(Subject(subject)), createdAt: Date())
        #expect(try await store.add(stored))
    }

    private func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil
    ) async throws -> TestResponse {
        try await Application(responder: InProcessRouter(table)).test(.router) { client in
            try await client.execute(
                uri: "/v1/locations/loc_1" + path, method: method,
                headers: body == nil ? [:] : [.contentType: "application/json"],
                body: body.map { ByteBuffer(string: $0) })
        }
    }

    // MARK: - What is asked of Flatpeak

    @Test(
        "each route asks Flatpeak once",
        arguments: [
            (HTTPRequest.Method.get, "", nil, "location"),
            (.get, "/schedules/duration?\(window)&segment=LOW&duration=120", nil, "schedule_duration"),
            (.get, "/schedules/limit?\(window)&segment=HIGH&relative=0.75&direction=EXPORT", nil, "schedule_limit"),
            (.get, "/schedules/limit?\(window)&segment=LOW&absolute=-0.05", nil, "schedule_limit"),
            (.post, "/schedules/amount", amount, "schedule_amount"),
            (.get, "/costs?\(window)", nil, "cost_interval"),
            (.get, "/costs?\(window)&aggregation=MONTH&direction=LOCAL&device_id=dev_1", nil, "cost_interval"),
            (.get, "/costs/sessions/charge-17?direction=IMPORT", nil, "cost_session"),
            (.post, "/costs/simulate", record, "cost_instant"),
        ] as [(HTTPRequest.Method, String, String?, String)])
    func asks(method: HTTPRequest.Method, path: String, body: String?, operation: String) async throws {
        try await own("dev_1")
        let first = try await send(method, path, body)
        #expect(first.status == .ok, "\(String(buffer: first.body))")
        #expect(first.headers[.contentType] == "application/json; charset=utf-8")
        #expect(first.headers[.age] == nil)
        let second = try await send(method, path, body)
        #expect(second.status == .ok)
        #expect(second.headers[.age] != nil)
        #expect(String(buffer: second.body) == String(buffer: first.body))
        #expect(upstream.requests(operation).count == 1)
        #expect(upstream.requests().map(\.operation.name).filter { $0 != "login" } == [operation])
    }

    @Test func `the query becomes Flatpeak's body`() async throws {
        _ = try await send(.get, "/schedules/limit?\(Self.window)&segment=HIGH&absolute=0.25&direction=LOCAL")
        #expect(
            upstream.requests("schedule_limit").map(\.text) == [
                #"{"absolute":0.25,"end_time":"2026-03-02T05:00:00Z","segment":"HIGH","#
                    + #""start_time":"2026-03-01T19:00:00Z","tariff_direction":"LOCAL"}"#
            ])
        _ = try await send(.get, "/costs?start_time=2026-03-01T00:00:00.5%2B01:00&end_time=2026-04-01T00:00:00%2B02:00")
        #expect(
            upstream.requests("cost_interval").map(\.text)
                == [#"{"end_time":"2026-03-31T22:00:00Z","start_time":"2026-02-28T23:00:00.500000000Z"}"#])
    }

    @Test func `a location has the action that is required there, and none of the fields that are not listed`()
        async throws
    {
        upstream.on("location", .json(#"{"id":"loc_1","customer_id":"cus_1","account_id":"acc_1","x":"cot_1"}"#))
        let response = try await send(.get, "")
        #expect(String(buffer: response.body) == #"{"id":"loc_1","object":"location"}"#)
        #expect(try await send(.head, "").status == .ok)
    }

    // MARK: - Refusals

    @Test(
        "a query is checked before Flatpeak is asked",
        arguments: [
            ("/schedules/duration?\(window)&segment=LOW", "duration is required."),
            ("/schedules/duration?\(window)&duration=60", "segment is required."),
            ("/schedules/duration?\(window)&segment=low&duration=60", "segment is not one of"),
            ("/schedules/duration?\(window)&segment=LOW&duration=0", "duration is malformed."),
            ("/schedules/duration?\(window)&segment=LOW&duration=060", "duration is malformed."),
            ("/schedules/duration?\(window)&segment=LOW&duration=1.5", "duration is malformed."),
            ("/schedules/duration?\(window)&segment=LOW&duration=99999999999999999999", "duration is malformed."),
            ("/schedules/duration?\(window)&segment=LOW&duration=601", "duration must not be longer than the time"),
            ("/schedules/duration?\(window)&segment=LOW&duration=60&duration=60", "duration is malformed."),
            ("/schedules/duration?start_time=2026-03-01T19:00:00Z&segment=LOW&duration=60", "end_time is required."),
            ("/schedules/duration?end_time=2026-03-01T19:00:00Z&segment=LOW&duration=60", "start_time is required."),
            (
                "/schedules/duration?start_time=2026-03-01T19:00:00Z&end_time=2026-03-01T19:00:00Z&segment=LOW&duration=60",
                "end_time must be later than start_time."
            ),
            (
                "/schedules/limit?start_time=2026-03-01T00:00:00Z&end_time=2026-03-04T02:00:00Z&segment=LOW&relative=1",
                "end_time must be at most 3 days after start_time."
            ),
            ("/schedules/limit?\(window)&segment=LOW", "relative is required."),
            ("/schedules/limit?\(window)&segment=LOW&relative=1&absolute=1", "absolute cannot be combined"),
            ("/schedules/limit?\(window)&segment=LOW&relative=0", "relative is out of range."),
            ("/schedules/limit?\(window)&segment=LOW&relative=inf", "relative is malformed."),
            ("/schedules/limit?\(window)&segment=LOW&absolute=0x1", "absolute is malformed."),
            ("/schedules/limit?\(window)&segment=LOW&absolute=", "absolute is malformed."),
            ("/schedules/limit?\(window)&segment=LOW&relative=1&direction=UP", "direction is not one of"),
            ("/costs?end_time=2026-03-02T05:00:00Z", "start_time is required."),
            ("/costs?\(window)&aggregation=WEEK", "aggregation is not one of"),
            ("/costs?\(window)&device_id=a.b", "device_id is malformed."),
            (
                "/costs?start_time=2026-03-02T05:00:00Z&end_time=2026-03-02T05:00:00Z",
                "end_time must be later than start_time."
            ),
            ("/costs/sessions/a?direction=UP", "direction is not one of"),
        ])
    func query(path: String, detail: String) async throws {
        let response = try await send(.get, path)
        #expect(response.status == .unprocessableContent)
        #expect(String(buffer: response.body).contains(detail), "\(String(buffer: response.body))")
        #expect(upstream.requests().isEmpty)
    }

    @Test(
        "a body is checked before Flatpeak is asked",
        arguments: [
            ("/schedules/amount", "{}", "field_invalid"), ("/schedules/amount", "[]", "json_malformed"),
            ("/schedules/amount", #"{"location_id":"loc_2"}"#, "field_invalid"),
            ("/schedules/amount", #"{"account_id":"acc_1"}"#, "field_unknown"),
            ("/costs/simulate", "{}", "field_invalid"), ("/costs/simulate", "[\(record)]", "json_malformed"),
            ("/costs/simulate", #"{"non_persistent":false}"#, "field_unknown"),
        ])
    func body(path: String, body: String, code: String) async throws {
        let response = try await send(.post, path, body)
        #expect(String(buffer: response.body).contains("\"\(code)\""), "\(String(buffer: response.body))")
        #expect(upstream.requests().isEmpty)
    }

    @Test("a device that is not the subject's at the location is answered like a missing one (S12)")
    func foreignDevice() async throws {
        store.bind(try #require(LocationID("loc_1")), to: try #require(Subject("bob")))
        try await own("dev_1", "bob")
        let requests: [(HTTPRequest.Method, String, String?)] = [
            (.get, "/costs?\(Self.window)&device_id=dev_1", nil), (.post, "/schedules/amount", Self.amount),
            (.post, "/costs/simulate", Self.record.replacing("{", with: #"{"device_id":"dev_1","#)),
        ]
        for (method, path, body) in requests {
            let foreign = try await send(method, path, body)
            let unknown = try await send(
                method, path.replacing("dev_1", with: "dev_0"), body?.replacing("dev_1", with: "dev_0"))
            #expect(foreign.status == .notFound, "\(path)")
            let withoutID = { (response: TestResponse) in
                String(buffer: response.body).replacing(/req_[0-9a-f]*/, with: "")
            }
            #expect(withoutID(foreign) == withoutID(unknown), "\(path)")
        }
        #expect(upstream.requests().isEmpty)
    }

    @Test("a request that has no prices says when to come back", arguments: BFFError.PriceGap.allCases)
    func noPrices(gap: BFFError.PriceGap) async throws {
        upstream.on("schedule_duration", .json(#"{"code":"\#(gap.rawValue)"}"#, status: 422))
        let response = try await send(.get, "/schedules/duration?\(Self.window)&segment=LOW&duration=60")
        #expect(response.status == .unprocessableContent)
        #expect(String(buffer: response.body).contains("\"\(gap.rawValue)\""))
        #expect(response.headers[.retryAfter] == (gap == .noTariffConnected ? nil : "900"))
    }

    @Test("no route about a location answers a stranger, whatever is asked and sent; by the route table (S12)")
    func S12() async throws {
        let routes = table.routes.filter { $0.template.hasPrefix("/v1/locations/{id}") }
        #expect(routes.count >= 10)
        for route in routes {
            let bodies = route.policy.bodyLimit == nil ? [nil] : ["{}", "[]", "no JSON"]
            for (body, query) in bodies.flatMap({ body in ["", "?direction=UP"].map { (body, $0) } }) {
                let answer = { (location: String) async throws in
                    let path = route.template.replacing("{id}", with: location).replacing(/{[a-z]+}/, with: "x_1")
                    return try await Application(responder: InProcessRouter(table)).test(.router) { client in
                        try await client.execute(
                            uri: path + query, method: route.method,
                            headers: [.contentType: "application/json", GatewayTests.subject: "bob"],
                            body: body.map { ByteBuffer(string: $0) })
                    }
                }
                let foreign = try await answer("loc_1"), unknown = try await answer("loc_0")
                let name = "\(route.method) \(route.template)"
                #expect(foreign.status == .notFound, "\(name)")
                let withoutID = { (response: TestResponse) in
                    String(buffer: response.body).replacing(/req_[0-9a-f]*/, with: "")
                }
                #expect(withoutID(foreign) == withoutID(unknown), "\(name)")
            }
        }
        #expect(upstream.requests().isEmpty)
    }
}
