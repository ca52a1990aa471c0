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
import Wire
import Yams

@testable import Gateway

/// `openapi.yaml`, as it is embedded and served, against the routes, the errors and the types behind them.
@Suite struct ContractTests {
    typealias Object = [String: Any]

    let document: Object
    let table: RouteTable

    init() throws {
        let text = String(decoding: PackageResources.openapi_yaml, as: UTF8.self)
        document = try #require(try Yams.load(yaml: text) as? Object)
        table = ServiceFixture(flatpeak: .scripted(ScriptedUpstream()), store: InMemoryStore()).table()
    }

    // MARK: - Routes

    @Test func `the routes are the document's operations, both ways`() {
        let routes = table.routes.map { "\($0.method) \($0.template)" }
        #expect(Set(routes) == Set(operations.map(\.name)))
        #expect(routes.count == operations.count)
    }

    @Test func `a request may be repeated with an Idempotency-Key where the document has that header`() {
        for route in table.routes {
            let operation = operations.first { $0.method == "\(route.method)" && $0.path == route.template }
            let parameters = (operation?.object["parameters"] as? [Object]) ?? []
            let takesKey = parameters.contains { resolved($0)["name"] as? String == "Idempotency-Key" }
            #expect(takesKey == (route.policy.retries == .keyed), "\(route.template)")
        }
    }

    @Test func `pages of connect-bff dev are no part of the contract`() {
        #expect(!operations.contains { $0.path == "/launch" })
        #expect(!table.routes.contains { $0.template == "/launch" })
    }

    @Test func `every path answers, with the documented methods in Allow`() async throws {
        for (path, operations) in Dictionary(grouping: operations, by: \.path) {
            let response = try await send("PATCH", path)
            #expect(response.status == .methodNotAllowed, "\(path)")
            let documented = operations.map(\.method)
            // Besides these, OPTIONS has an answer everywhere, and HEAD where GET has one.
            let methods = Set(documented + ["OPTIONS"] + (documented.contains("GET") ? ["HEAD"] : []))
            #expect(response.headers[.allow] == methods.sorted().joined(separator: ", "), "\(path)")
        }
    }

    @Test func `every operation answers with a documented status and content type`() async throws {
        for operation in operations {
            let response = try await send(operation.method, operation.path)
            let documented = try #require(operation.responses[String(response.status.code)], "\(operation.name)")
            let content = try #require(documented["content"] as? Object, "\(operation.name)")
            let type = try #require(response.headers[.contentType]?.prefix { $0 != ";" })
            #expect(content.keys.contains(String(type)), "\(operation.name)")
        }
    }

    @Test func `the document is what the service gives out`() async throws {
        let response = try await send("GET", "/openapi.yaml")
        #expect(Array(response.body.readableBytesView) == PackageResources.openapi_yaml)
    }

    /// Calls a path with something in the place of what varies.
    private func send(_ method: String, _ path: String) async throws -> TestResponse {
        let method = try #require(HTTPRequest.Method(method))
        return try await Application(responder: InProcessRouter(table)).test(.router) { client in
            try await client.execute(uri: path.replacing(/{[a-z]+}/, with: "x_1"), method: method)
        }
    }

    @Test func `security, error form and body limit are the policy's`() throws {
        for route in table.routes {
            let operation = try #require(operations.first { $0.name == "\(route.method) \(route.template)" })
            let security = try #require(operation.object["security"] as? [Object], "\(operation.name)")
            if case .user = route.handler {
                // `dev`, or nothing, which is the user `demo`.
                #expect(
                    security.map { Set($0.keys) } == [["bearer"], ["serviceKey", "connectSubject"], ["dev"], []],
                    "\(operation.name)")
            } else {
                #expect(security.isEmpty, "\(operation.name)")
            }
            let form =
                switch route.policy.dialect {
                case .problem: "application/problem+json"
                case .connect: "application/json"
                case .page: "text/html"
                }
            for (status, response) in operation.responses where status.first == "4" || status.first == "5" {
                let content = response["content"] as? Object
                // A client that asks for JSON gets problem details in place of a page, from a route that takes its method.
                let hasBoth = route.policy.dialect == .page && status != "405"
                let forms: Set<String> = hasBoth ? [form, "application/problem+json"] : [form]
                #expect(content.map { Set($0.keys) } == forms, "\(operation.name) \(status)")
            }
            let body = (operation.object["requestBody"] as? Object).map(resolved)
            #expect((body != nil) == (route.policy.bodyLimit != nil), "\(operation.name)")
            if let limit = route.policy.bodyLimit {
                #expect((body?["description"] as? String)?.contains("\(limit) bytes") == true, "\(operation.name)")
            }
        }
    }

    @Test func `scripts may send and read every header that the document has for their routes, and may send no other`()
        async throws
    {
        let rules = CrossOrigin(origins: ["http://web.test"], headers: RouteTable.scriptHeaders)
        let allowed = headerNames(
            rules.preflightFields(for: "http://web.test", methods: [.get])[.accessControlAllowHeaders])
        let readable = headerNames(rules.fields(for: "http://web.test")[.accessControlExposeHeaders])
            .union(["content-type", "content-length", "cache-control"])
        var documented: Set<String> = []
        for route in table.routes where route.policy.origins == .listed {
            let operation = try #require(operations.first { $0.name == "\(route.method) \(route.template)" })
            let parameters = ((operation.object["parameters"] as? [Object]) ?? []).map(resolved)
            for parameter in parameters where parameter["in"] as? String == "header" {
                documented.insert(try #require(parameter["name"] as? String).lowercased())
            }
            if operation.object["requestBody"] != nil { documented.insert("content-type") }
            // `X-Dev-Subject` is the authenticator's, and a service key is no browser's.
            if (operation.object["security"] as? [Object])?.contains(where: { $0["bearer"] != nil }) == true {
                documented.insert("authorization")
            }
            for (status, response) in operation.responses {
                let names = ((response["headers"] as? Object)?.keys).map { Set($0.map { $0.lowercased() }) } ?? []
                #expect(names.isSubset(of: readable), "\(operation.name) \(status)")
            }
        }
        #expect(allowed == documented)
    }

    private func headerNames(_ list: String?) -> Set<String> {
        Set((list ?? "").split(separator: ", ").map { $0.lowercased() })
    }

    // MARK: - Errors

    /// An error of the next case.
    ///
    /// A case that has no place in this chain does not compile.
    private static func next(after error: BFFError?) -> BFFError? {
        switch error {
        case nil: .malformedJSON
        case .malformedJSON: .bodyTooLarge(limit: 1)
        case .bodyTooLarge: .unsupportedContentType
        case .unsupportedContentType: .unknownField("a")
        case .unknownField: .invalidField("a", reason: .missing)
        case .invalidField: .unauthenticated
        case .unauthenticated: .identityUnavailable(retryAfter: 4)
        case .identityUnavailable: .signatureInvalid
        case .signatureInvalid: .deliveryUncheckable
        case .deliveryUncheckable: .idempotencyInProgress
        case .idempotencyInProgress: .idempotencyKeyReused
        case .idempotencyKeyReused: .writeOutcomeUnknown
        case .writeOutcomeUnknown: .writesNotAllowed
        case .writesNotAllowed: .malformedHeader
        case .malformedHeader: .headersTooLarge
        case .headersTooLarge: .targetTooLong
        case .targetTooLong: .requestTimedOut
        case .requestTimedOut: .originNotAllowed
        case .originNotAllowed: .rateLimited(retryAfter: 1)
        case .rateLimited: .notFound
        case .notFound: .methodNotAllowed
        case .methodNotAllowed: .methodUnknown
        case .methodUnknown: .connectTokenMissing
        case .connectTokenMissing: .connectTokenUnknown
        case .connectTokenUnknown: .connectTokenUsed
        case .connectTokenUsed: .connectTokenExpired
        case .connectTokenExpired: .ticketUnknown
        case .ticketUnknown: .ticketUsed
        case .ticketUsed: .ticketExpired
        case .ticketExpired: .confirmationRequired
        case .confirmationRequired: .confirmationCodeUnknown
        case .confirmationCodeUnknown: .confirmationCodeUsed
        case .confirmationCodeUsed: .confirmationCodeExpired
        case .confirmationCodeExpired: .sessionForeign
        case .sessionForeign: .upstreamUnreachable
        case .upstreamUnreachable: .upstreamTimedOut
        case .upstreamTimedOut: .upstreamRefusedCredentials
        case .upstreamRefusedCredentials: .upstreamRefused(status: 400, code: nil)
        case .upstreamRefused: .upstreamBlocked(status: 403)
        case .upstreamBlocked: .noPrices(.noTariffConnected)
        case .noPrices(.noTariffConnected): .noPrices(.pendingConnect)
        case .noPrices(.pendingConnect): .noPrices(.noPriceData)
        case .noPrices(.noPriceData): .postalAddressRequired
        case .postalAddressRequired: .upstreamFailed(status: 500)
        case .upstreamFailed: .upstreamLimited(retryAfter: nil)
        case .upstreamLimited: .upstreamUnavailable(retryAfter: 1)
        case .upstreamUnavailable: .upstreamInvalidAnswer
        case .upstreamInvalidAnswer: .upstreamModeDiffers
        case .upstreamModeDiffers: .upstreamVersionNotSupported
        case .upstreamVersionNotSupported: .loopDetected
        case .loopDetected: .notReady
        case .notReady: .overloaded
        case .overloaded: .clientClosed
        case .clientClosed: .storeUnavailable
        case .storeUnavailable: .internalFailure
        case .internalFailure: nil
        }
    }

    private static let errors: [BFFError] = Array(
        sequence(state: nil) { (last: inout BFFError?) in
            last = next(after: last)
            return last
        })

    @Test func `the codes are the document's, both ways, each with its status`() throws {
        let schema = try schema("ErrorCode")
        let meanings = try #require(schema["x-enumDescriptions"] as? [String: String])
        #expect(Set(Self.errors.map(\.code)).count == Self.errors.count)
        #expect(Set(try texts(schema["enum"])) == Set(Self.errors.map(\.code)))
        #expect(Set(meanings.keys) == Set(Self.errors.map(\.code)))
        for error in Self.errors {
            #expect(meanings[error.code]?.hasPrefix("\(error.status). ") == true, "\(error.code)")
        }
    }

    @Test func `every code stands at a response of its own status, and nowhere else`() throws {
        let statuses = Dictionary(uniqueKeysWithValues: Self.errors.map { ($0.code, $0.status) })
        var seen: Set<String> = []
        for operation in operations {
            for (status, response) in operation.responses where (Int(status) ?? 0) >= 400 {
                let codes = try texts(response["x-error-codes"])
                for code in codes { #expect(statuses[code] == Int(status), "\(operation.name) \(status) \(code)") }
                #expect(!codes.isEmpty, "\(operation.name) \(status)")
                seen.formUnion(codes)
                let hasRetryAfter = Self.errors.contains { codes.contains($0.code) && $0.retryAfter != nil }
                let headers = response["headers"] as? Object
                #expect((headers?["Retry-After"] != nil) == hasRetryAfter, "\(operation.name) \(status)")
                #expect(
                    (headers?["Allow"] != nil) == codes.contains("method_not_allowed"), "\(operation.name) \(status)")
                if let problem = (response["content"] as? Object)?["application/problem+json"] as? Object {
                    let narrowed = try #require(
                        ((problem["schema"] as? Object)?["allOf"] as? [Object])?.last?["properties"]
                            as? [String: Object])
                    #expect(narrowed["status"]?["const"] as? Int == Int(status))
                    let constant = (narrowed["code"]?["const"] as? String).map { [$0] }
                    #expect(try constant ?? texts(narrowed["code"]?["enum"]) == codes, "\(operation.name) \(status)")
                }
            }
        }
        // An unknown method is on no path, a client that left gets no answer, and what never arrived whole was
        // for no route in particular.
        let elsewhere = ["method_unknown", "client_closed", "headers_too_large", "target_too_long", "request_timeout"]
        #expect(seen == Set(statuses.keys).subtracting(elsewhere))
    }

    @Test func `every documented 401 has its WWW-Authenticate`() throws {
        var count = 0
        for operation in operations {
            for (status, response) in operation.responses {
                let field = (response["headers"] as? [String: Object])?["WWW-Authenticate"]
                #expect((field != nil) == (status == "401"), "\(operation.name) \(status)")
                if let field {
                    #expect(field["required"] as? Bool == true)
                    count += 1
                }
            }
        }
        #expect(count > 5)
    }

    @Test func `the document has the program's version`() {
        #expect((document["info"] as? Object)?["version"] as? String == ProductVersion.current)
    }

    // MARK: - Schemas

    @Test func `closed sets are the code's`() throws {
        let states = try schema("SessionState")
        #expect(try texts(states["enum"]) == SessionState.allCases.map(\.rawValue))
        #expect(Set(try #require(states["x-enumDescriptions"] as? Object).keys) == Set(try texts(states["enum"])))
        #expect(try texts(schema("Direction")["enum"]) == TariffDirection.allCases.map(\.rawValue))
        #expect(try texts(schema("TariffType")["enum"]) == TariffType.allCases.map(\.rawValue))
        #expect(try texts(schema("ActionRequired")["enum"]) == RequiredAction.allCases.map(\.rawValue))
        #expect(try texts(properties("MintRequest")["action"]?["enum"]) == TariffAction.allCases.map(\.rawValue))
        #expect(
            try texts(properties("MintRequest")["postal_address_type"]?["enum"])
                == PostalAddressType.allCases.map(\.rawValue))
        #expect(try texts(schema("PriceSegment")["enum"]) == PriceSegment.allCases.map(\.rawValue))
        #expect(try texts(schema("Aggregation")["enum"]) == CostQuery.Aggregation.allCases.map(\.rawValue))
        #expect(try texts(properties("MeterRecord")["units"]?["enum"]) == EnergyUnits.allCases.map(\.rawValue))
        #expect(
            try texts(properties("MeterRecord")["energy_flow_direction"]?["enum"])
                == EnergyFlow.allCases.map(\.rawValue))
        #expect(try texts(properties("Power")["units"]?["enum"]) == AmountOrder.PowerUnits.allCases.map(\.rawValue))
        #expect(try texts(properties("Energy")["units"]?["enum"]) == AmountOrder.AmountUnits.allCases.map(\.rawValue))
        #expect(try texts(properties("MintRequest")["language"]?["enum"]) == CustomerLanguage.allCases.map(\.rawValue))
    }

    @Test func `a body has the code's fields and no others, every text with a limit`() throws {
        for (name, fields) in [
            ("AmountRequest", AmountRequest.CodingKeys.allCases.map(\.stringValue)),
            ("Power", AmountOrder.Power.CodingKeys.allCases.map(\.stringValue)),
            ("Energy", AmountOrder.Energy.CodingKeys.allCases.map(\.stringValue)),
            ("MeterRecord", MeterRecordRequest.CodingKeys.allCases.map(\.stringValue)),
            ("MintRequest", MintRequest.CodingKeys.allCases.map(\.stringValue)),
            ("PostalAddress", PostalAddress.CodingKeys.allCases.map(\.stringValue)),
            ("MintOptions", MintOptions.CodingKeys.allCases.map(\.stringValue)),
        ] {
            #expect(Set(try properties(name).keys) == Set(fields), "\(name)")
            #expect(try schema(name)["additionalProperties"] as? Bool == false, "\(name)")
            for (field, property) in try properties(name) where property["type"] as? String == "string" {
                #expect(property["maxLength"] is Int || property["enum"] != nil, "\(name).\(field)")
            }
        }
    }

    @Test func `every reference leads somewhere`() {
        func walk(_ value: Any, _ path: String) {
            if let object = value as? Object {
                if let reference = object["$ref"] as? String { #expect(target(of: reference) != nil, "\(path)") }
                for (key, value) in object { walk(value, "\(path)/\(key)") }
            } else if let list = value as? [Any] {
                for value in list { walk(value, path) }
            }
        }
        walk(document, "#")
    }

    // MARK: - Examples

    @Test func `every operation is documented, and every answer has an example and the id of its request`() {
        for operation in operations {
            for key in ["operationId", "summary", "description"] {
                #expect((operation.object[key] as? String)?.isEmpty == false, "\(operation.name) \(key)")
            }
            #expect(operation.responses.keys.contains { $0.hasPrefix("2") }, "\(operation.name)")
            for (status, response) in operation.responses {
                #expect((response["headers"] as? Object)?["X-Request-Id"] != nil, "\(operation.name) \(status)")
                for (type, media) in (response["content"] as? [String: Object]) ?? [:] {
                    #expect(!examples(media).isEmpty, "\(operation.name) \(status) \(type)")
                }
            }
        }
        let ids = operations.compactMap { $0.object["operationId"] as? String }
        #expect(Set(ids).count == operations.count)
    }

    @Test func `examples of bodies are accepted, examples of calls are relayed`() throws {
        let location = try #require(LocationID("loc_1")), owner = SubjectDigest(try #require(Subject("alice")))
        let bodies = operations.compactMap { ($0.object["requestBody"] as? Object).map(resolved) }
        #expect(bodies.count == 12)
        for body in bodies {
            let media = try #require((body["content"] as? [String: Object])?["application/json"])
            #expect(!examples(media).isEmpty)
            for example in examples(media) {
                let json = Array(try JSONSerialization.data(withJSONObject: example))
                switch (media["schema"] as? Object)?["$ref"] as? String {
                case "#/components/schemas/MintRequest": _ = try MintRequest.read(json)
                case "#/components/schemas/TicketRequest": _ = try TicketRequest.read(json)
                case "#/components/schemas/CallbackRequest": _ = try CallbackRequest.read(json)
                case "#/components/schemas/ConfirmationRequest": _ = try ConfirmationRequest.read(json)
                case "#/components/schemas/AmountRequest":
                    _ = try AmountRequest.read(json).order(at: location, longestDays: 3, now: Date())
                case "#/components/schemas/MeterRecord":
                    _ = try MeterRecordRequest.read(json).record(of: owner, at: location)
                // Another test sends them.
                case "#/components/schemas/MeterRecords", "#/components/schemas/MeterReadings",
                    "#/components/schemas/DeviceRequest":
                    break
                case "#/components/schemas/FlatpeakEvent":
                    let event = try FlatpeakEvent(json)
                    #expect(event.id != nil)
                    #expect(event.location != nil)
                    #expect(event.createdAt != nil)
                default: #expect(try Envelope(json.span).connectToken.exposed.hasPrefix("cot_"))
                }
            }
        }
    }

    @Test func `examples of writes are taken, and their answers have the documented fields`() async throws {
        let upstream = ScriptedUpstream(), store = InMemoryStore()
        let table = ServiceFixture(flatpeak: .scripted(upstream), store: store).table()
        store.bind(try #require(LocationID("loc_1")), to: try #require(Subject("demo")))
        let batch =
            #"{"id":"bat_1","records_submitted":1,"failed_records":[{"record_num":0,"error":"x"}],"account_id":"a"}"#
        upstream.on("meters_interval", .json(batch))
        upstream.on("meters_cumulative", .json(batch))
        upstream.on("device_create", .json(#"{"id":"dev_1","time_created":"2026-01-01T00:00:00Z"}"#, status: 201))
        for (id, name) in [
            ("putMeterIntervals", "MeterBatch"), ("putMeterReadings", "MeterBatch"), ("createDevice", "Device"),
        ] {
            let operation = try #require(operations.first { $0.object["operationId"] as? String == id })
            let body = resolved(try #require(operation.object["requestBody"] as? Object))
            let media = try #require((body["content"] as? [String: Object])?["application/json"])
            let answer = try #require(operation.responses["200"] ?? operation.responses["201"])
            let shown = try #require((answer["content"] as? [String: Object])?["application/json"])
            let method = try #require(HTTPRequest.Method(operation.method))
            var answers = examples(shown)
            for example in examples(media) {
                let json = try JSONSerialization.data(withJSONObject: example)
                let path = operation.path.replacing("{id}", with: "loc_1")
                let response = try await Application(responder: InProcessRouter(table)).test(.router) { client in
                    try await client.execute(
                        uri: path, method: method,
                        headers: [.contentType: "application/json"], body: ByteBuffer(bytes: json))
                }
                #expect(response.status.kind == .successful, "\(id) \(String(buffer: response.body))")
                answers.append(try JSONSerialization.jsonObject(with: Data(response.body.readableBytesView)))
            }
            #expect(answers.count > 1, "\(id)")
            for answer in answers {
                let fields = Set(try #require(answer as? Object).keys)
                #expect(fields.isSuperset(of: try texts(schema(name)["required"])), "\(id) \(fields)")
                #expect(fields.isSubset(of: try properties(name).keys), "\(id) \(fields)")
            }
        }
    }

    @Test func `examples of errors are the service's own`() throws {
        struct Problem: Decodable {
            let type: String, title: String, status: Int, detail: String, code: String, request_id: String
        }
        struct Connect: Decodable { let object: String, type: String, code: String, message: String }
        let errors = Dictionary(uniqueKeysWithValues: Self.errors.map { ($0.code, $0) })
        for operation in operations {
            for (status, response) in operation.responses where (Int(status) ?? 0) >= 400 {
                for (type, media) in (response["content"] as? [String: Object]) ?? [:] where type != "text/html" {
                    for example in examples(media) {
                        let json = try JSONSerialization.data(withJSONObject: example)
                        if type == "application/problem+json" {
                            let problem = try JSONDecoder().decode(Problem.self, from: json)
                            let error = try #require(errors[problem.code])
                            #expect(problem.type == "urn:connect-bff:problem:\(error.code)")
                            #expect(problem.title == error.title)
                            #expect(problem.status == error.status)
                        } else {
                            let answer = try JSONDecoder().decode(Connect.self, from: json)
                            let error = try #require(errors[answer.code])
                            #expect(answer.object == "error")
                            #expect(
                                answer.type
                                    == (error.status == 429
                                        ? "rate_limit" : error.status < 500 ? "invalid_request" : "api_error"))
                            #expect(answer.message.hasPrefix("\(error.customerText.title). "))
                        }
                    }
                }
            }
        }
    }

    @Test func `examples of answers have the fields that their schema requires`() throws {
        for (id, name) in [
            ("mintSession", "MintedSession"), ("exchangeTicket", "ConnectTicket"), ("readSession", "Session"),
            ("readLocationStatus", "LocationStatus"),
            ("listTariffs", "TariffList"), ("listLocations", "LocationList"), ("readPrices", "Prices"),
            ("readLocation", "Location"), ("scheduleByDuration", "Schedule"), ("scheduleByLimit", "Schedule"),
            ("scheduleByAmount", "AmountSchedule"), ("readCosts", "EnergyCosts"), ("readSessionCosts", "EnergyCosts"),
            ("simulateCost", "RecordCost"),
        ] {
            let operation = try #require(operations.first { $0.object["operationId"] as? String == id })
            let answer = try #require(operation.responses["200"] ?? operation.responses["201"])
            let media = try #require((answer["content"] as? [String: Object])?["application/json"])
            #expect((media["schema"] as? Object)?["$ref"] as? String == "#/components/schemas/\(name)")
            for example in examples(media) {
                let fields = Set(try #require(example as? Object).keys)
                #expect(fields.isSuperset(of: try texts(schema(name)["required"])), "\(name)")
                #expect(fields.isSubset(of: try properties(name).keys), "\(name)")
            }
        }
    }

    @Test func `the example of a session's event has the fields of one, and each published state has its type`()
        async throws
    {
        let webhook = try #require((document["webhooks"] as? [String: Object])?["session"]?["post"] as? Object)
        let published = SessionState.allCases.filter(\.isPublished).map { "`\($0.rawValue)`" }
        for state in published { #expect((webhook["description"] as? String)?.contains(state) == true) }
        let media = try #require(
            ((webhook["requestBody"] as? Object)?["content"] as? [String: Object])?["application/json"])
        let example = try #require(examples(media).first as? Object)
        let shown = try #require(example["data"] as? Object)

        let store = InMemoryStore(), start = Date(timeIntervalSince1970: 1_700_000_000)
        var session = ConnectSession(
            id: SessionID(prefix: "cs", random: Array(repeating: 1, count: 12)),
            subject: try #require(Subject("alice")), connectToken: try #require(ConnectToken("cot_1")),
            slot: TariffSlot(direction: .importing, type: .commodity), mintedLocation: nil, mintedAction: nil,
            returnURL: nil, liveMode: true, createdAt: start, expiresAt: start + 86400)
        session.facts.leftAt = start + 60
        session.facts.located = .init(location: try #require(LocationID("loc_1")), pricesAvailable: true, since: start)
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start + 60)
        let event = try #require(try await store.events(limit: 1).first?.event)
        #expect(event.event.type == "session.connected")
        let data = try #require(try JSONSerialization.jsonObject(with: Data(event.event.data)) as? Object)
        #expect(Set(shown.keys) == Set(data.keys))
        #expect(Set(example.keys) == Set(try properties("Event").keys))
    }

    // MARK: - Reading the document

    private struct Operation {
        let method: String
        let path: String
        let object: Object
        let responses: [String: Object]
        var name: String { "\(method) \(path)" }
    }

    private var operations: [Operation] {
        ((document["paths"] as? [String: Object]) ?? [:]).flatMap { path, item in
            item.compactMap { method, value in
                guard let object = value as? Object else { return nil }
                let responses = (object["responses"] as? [String: Object]) ?? [:]
                return Operation(
                    method: method.uppercased(), path: path, object: object, responses: responses.mapValues(resolved))
            }
        }
    }

    private func target(of reference: String) -> Object? {
        reference.split(separator: "/").dropFirst().reduce(document) { $0?[String($1)] as? Object }
    }

    private func resolved(_ object: Object) -> Object {
        (object["$ref"] as? String).flatMap(target) ?? object
    }

    private func schema(_ name: String) throws -> Object {
        try #require(target(of: "#/components/schemas/\(name)"))
    }

    private func properties(_ name: String) throws -> [String: Object] {
        try #require(try schema(name)["properties"] as? [String: Object])
    }

    private func texts(_ value: Any?) throws -> [String] {
        try #require(value as? [String])
    }

    private func examples(_ media: Object) -> [Any] {
        if let example = media["example"] { return [example] }
        return ((media["examples"] as? [String: Object]) ?? [:]).values.compactMap { $0["value"] }
    }
}
