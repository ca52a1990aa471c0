import Core
import Edge
import Flatpeak
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Keys
import Networking
import Sessions
import Synchronization
import TestSupport
import Testing

@testable import Gateway

/// The routes of meters and devices: who may use them, and how many at once.
@Suite struct MeterRoutesTests {
    let upstream = ScriptedUpstream()
    let store = InMemoryStore()
    let service: ServiceFixture
    let made = ServiceKeys.make(named: "backend", randomBytes: { (0..<$0).map { UInt8(truncatingIfNeeded: $0 * 37) } })

    private static let record =
        #"{"units":"WH","value":1,"start_time":"2026-01-01T00:00:00Z","end_time":"2026-01-01T00:15:00Z"}"#
    private static let batch = #"{"id":"bat_1","records_submitted":1,"records_accepted":1,"records_processed":1}"#
    private static let interval = "/v1/locations/loc_1/meters/interval"
    private static let user = HTTPField.Name("X-Dev-Subject")!
    private static let subject = HTTPField.Name("Connect-Subject")!
    private static let key = HTTPField.Name("Idempotency-Key")!

    init() throws {
        service = ServiceFixture(flatpeak: .scripted(upstream), store: store)
        let location = try #require(LocationID("loc_1"))
        for name in ["alice", "a", "b", "c", "d", "e"] { store.bind(location, to: try #require(Subject(name))) }
        for operation in ["meters_interval", "meters_cumulative", "meters_batch"] {
            upstream.on(operation, .json(Self.batch))
        }
        upstream.on("device_create", .json(#"{"id":"dev_1"}"#, status: 201))
        upstream.on("device_delete", .json("{}", status: 202))
    }

    private func send(
        _ table: RouteTable, _ method: HTTPRequest.Method, _ path: String, _ fields: HTTPFields = [:],
        _ body: String? = nil
    ) async throws -> TestResponse {
        var fields = fields
        if body != nil, fields[.contentType] == nil { fields[.contentType] = "application/json" }
        return try await Application(responder: InProcessRouter(table)).test(.router) { [fields] client in
            try await client.execute(
                uri: path, method: method, headers: fields, body: body.map { ByteBuffer(string: $0) })
        }
    }

    private func code(_ response: TestResponse) throws -> String {
        struct Body: Decodable { let code: String }
        return try JSONDecoder().decode(Body.self, from: Data(response.body.readableBytesView)).code
    }

    // MARK: - Who may

    /// Every route that changes something at Flatpeak, with a body that is taken.
    private static let writes: [(HTTPRequest.Method, String, String?, Int)] = [
        (.put, interval, "[\(record)]", 200),
        (.put, "/v1/locations/loc_1/meters/cumulative", #"{"units":"WH","data":[{"time":1,"value":1}]}"#, 200),
        (.post, "/v1/locations/loc_1/devices", "{}", 201), (.delete, "/v1/locations/loc_1/devices/dev_1", nil, 204),
    ]
    private static let reads = ["/v1/locations/loc_1/devices", "/v1/locations/loc_1/meters/batches/bat_1"]

    @Test func `users write where the operator lets them, and else the backend alone; users read in both cases`()
        async throws
    {
        let asBackend: HTTPFields = [.authorization: "Bearer \(made.key)", Self.subject: "alice"]
        let backend = service.table(
            authenticator: ServiceKeyAuthenticator(try ServiceKeys(made.line)), writers: .backend)
        let users = service.table(writers: .users), noUsers = service.table(writers: .backend)
        for (method, path, body, status) in Self.writes {
            let calls = upstream.requests().count
            let refused = try await send(noUsers, method, path, [Self.user: "alice"], body)
            #expect(refused.status == .forbidden, "\(method) \(path)")
            #expect(try code(refused) == "writes_not_allowed")
            // Before anything else is looked at.
            #expect(try await send(noUsers, method, path, [Self.user: "stranger"], "[").status == .forbidden)
            #expect(upstream.requests().count == calls)
            #expect(try await send(users, method, path, [Self.user: "alice"], body).status.code == status, "\(path)")
            if method == .delete { _ = try await send(users, .post, Self.reads[0], [Self.user: "alice"], "{}") }
            #expect(try await send(backend, method, path, asBackend, body).status.code == status, "\(path)")
        }
        for path in Self.reads {
            #expect(try await send(noUsers, .get, path, [Self.user: "alice"]).status == .ok)
            #expect(try await send(backend, .get, path, asBackend).status == .ok)
        }
    }

    @Test func `what is missing for a user is missing for the backend on the user's behalf (S12)`() async throws {
        let table = service.table(authenticator: ServiceKeyAuthenticator(try ServiceKeys(made.line)), writers: .backend)
        let fields: HTTPFields = [.authorization: "Bearer \(made.key)", Self.subject: "stranger"]
        for (method, path, body, _) in Self.writes {
            #expect(try await send(table, method, path, fields, body).status == .notFound, "\(method) \(path)")
        }
        #expect(upstream.requests().isEmpty)
    }

    // MARK: - Bodies

    @Test func `a body is JSON of at most 4 MiB`() async throws {
        let table = service.table()
        let plain = try await send(table, .put, Self.interval, [.contentType: "text/plain"], "[\(Self.record)]")
        #expect(plain.status == .unsupportedMediaType)
        let blanks = String(repeating: " ", count: (4 << 20) - Self.record.utf8.count - 2)
        let fields: HTTPFields = [Self.user: "alice"]
        #expect(try await send(table, .put, Self.interval, fields, "[\(Self.record)\(blanks)]").status == .ok)
        let longer = try await send(table, .put, Self.interval, fields, "[\(Self.record)\(blanks) ]")
        #expect(longer.status == .contentTooLarge)
        #expect(String(buffer: longer.body).contains("4194304 bytes"))
    }

    @Test func `the key is a header, and the second answer is the first`() async throws {
        let table = service.table(), fields: HTTPFields = [Self.user: "alice", Self.key: "k"]
        for (method, path, body) in [
            (HTTPRequest.Method.put, Self.interval, "[\(Self.record)]"), (.post, "/v1/locations/loc_1/devices", "{}"),
        ] {
            var fields = fields
            fields[Self.key] = method.rawValue
            let first = try await send(table, method, path, fields, body)
            let second = try await send(table, method, path, fields, body)
            #expect(first.status == second.status)
            #expect(String(buffer: first.body) == String(buffer: second.body))
            fields[Self.key] = "a b"
            #expect(try code(try await send(table, method, path, fields, body)) == "field_invalid")
        }
        #expect(upstream.requests("meters_interval").count == 1)
        #expect(upstream.requests("device_create").count == 1)
    }

    // MARK: - How many

    @Test func `a user has one upload in flight and all users have four, and neither holds up other requests (I18)`()
        async throws
    {
        let (opened, open) = AsyncStream<Void>.makeStream()
        let gate = Task { for await _ in opened { break } }
        upstream.on(
            "meters_interval",
            [
                { _ in
                    await gate.value
                    return .success(.json(Self.batch))
                }
            ])
        var edge = EdgeSettings()
        edge.capacity.timeout = .milliseconds(1)
        let table = service.table(edge: edge)
        let uploads = ["a", "b", "c", "d"].map { name in
            Task { try await send(table, .put, Self.interval, [Self.user: name], "[\(Self.record)]").status }
        }
        try await until { upstream.requests("meters_interval").count == 4 }
        let second = try await send(table, .put, Self.interval, [Self.user: "a"], "[\(Self.record)]")
        #expect(try code(second) == "rate_limited")
        let fifth = try await send(table, .put, Self.interval, [Self.user: "e"], "[\(Self.record)]")
        #expect(try code(fifth) == "overloaded")
        #expect(try await send(table, .get, "/v1/locations/loc_1/devices", [Self.user: "a"]).status == .ok)
        #expect(upstream.requests("meters_interval").count == 4)
        open.yield()
        for upload in uploads { #expect(try await upload.value == .ok) }
        #expect(try await send(table, .put, Self.interval, [Self.user: "e"], "[\(Self.record)]").status == .ok)
        #expect(table.load.inFlight == 0)
    }
}
