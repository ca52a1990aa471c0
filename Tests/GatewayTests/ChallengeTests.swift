import Core
import Edge
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Keys
import TestSupport
import Testing

@testable import Gateway

/// `WWW-Authenticate` (RFC 9110 section 15.5.2) over the whole route table.
@Suite struct ChallengeTests {
    static let user = HTTPField.Name("X-Auth-Request-User")!
    static let subject = HTTPField.Name("Connect-Subject")!
    static let dev = HTTPField.Name("X-Dev-Subject")!
    static let service = ServiceKeys.make(named: "a", randomBytes: { (0..<$0).map { UInt8(truncatingIfNeeded: $0) } })

    private static let bearer = #"Bearer realm="connect-bff""#
    private static let invalid = #"Bearer realm="connect-bff", error="invalid_token""#
    private static let request =
        #"Bearer realm="connect-bff", error="invalid_request", error_description="Name one user, in Connect-Subject alone""#
    private static let forward = #"Forward-Auth realm="connect-bff""#
    private static let development = #"Dev realm="connect-bff""#

    private static func authenticator(_ kinds: [String]) throws -> AnyOf {
        AnyOf(
            try kinds.map { kind -> any Authenticator in
                switch kind {
                case "jwt":
                    // A set that was read and is empty: no token is good.
                    JWTAuthenticator(
                        issuer: "https://id.example", audience: "bff", fetch: { Array(#"{"keys":[]}"#.utf8) },
                        now: { Date() }, time: TestClock().time, logger: .silent)
                case "service": ServiceKeyAuthenticator(try ServiceKeys(service.line))
                case "proxy":
                    ProxyAuthenticator(header: user, proxies: TrustedProxies([], unix: false))
                default: DevAuthenticator()
                }
            })
    }

    private func table(_ authenticator: any Authenticator) -> RouteTable {
        ServiceFixture(flatpeak: .scripted(ScriptedUpstream()), store: InMemoryStore())
            .table(authenticator: authenticator)
    }

    /// What a caller sends, and the challenges that a service with `kinds` answers with.
    struct Row: Sendable, CustomTestStringConvertible {
        let kinds: [String]
        let fields: HTTPFields
        let challenges: [String]
        var testDescription: String { "\(kinds) \(fields.map { "\($0.name)" })" }
    }

    private static let token = "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.AAAA"
    private static let twice: HTTPFields = {
        var fields: HTTPFields = [.authorization: token]
        fields.append(HTTPField(name: .authorization, value: token))
        return fields
    }()

    @Test(arguments: [
        Row(kinds: ["jwt"], fields: [:], challenges: [bearer]),
        Row(kinds: ["jwt"], fields: [.authorization: "Basic YTpi"], challenges: [bearer]),
        Row(kinds: ["jwt"], fields: [.authorization: token], challenges: [invalid]),
        Row(kinds: ["jwt"], fields: [.authorization: "bEARER opaque"], challenges: [invalid]),
        Row(kinds: ["jwt"], fields: [.authorization: "Bearer"], challenges: [invalid]),
        Row(kinds: ["jwt"], fields: [.authorization: "Bearerx y"], challenges: [bearer]),
        Row(kinds: ["jwt"], fields: twice, challenges: [invalid]),
        Row(kinds: ["service"], fields: [:], challenges: [bearer]),
        Row(kinds: ["service"], fields: [subject: "alice"], challenges: [bearer]),
        Row(kinds: ["service"], fields: [.authorization: "Bearer sbk_0", subject: "alice"], challenges: [invalid]),
        Row(kinds: ["service"], fields: [.authorization: "Bearer sbk_0"], challenges: [invalid]),
        // The key is good: another one would not help.
        Row(kinds: ["service"], fields: [.authorization: "Bearer \(service.key)"], challenges: [request]),
        Row(
            kinds: ["service"], fields: [.authorization: "Bearer \(service.key)", subject: " "], challenges: [request]),
        Row(kinds: ["proxy"], fields: [:], challenges: [forward]),
        Row(kinds: ["proxy"], fields: [user: "alice"], challenges: [forward]),
        Row(kinds: ["proxy"], fields: [.authorization: token], challenges: [forward]),
        Row(kinds: ["jwt", "service"], fields: [.authorization: token], challenges: [invalid]),
        Row(kinds: ["jwt", "proxy", "service"], fields: [:], challenges: [bearer, forward]),
        Row(kinds: ["jwt", "proxy", "service"], fields: [.authorization: token], challenges: [invalid, forward]),
        Row(
            kinds: ["jwt", "proxy", "service"],
            fields: [.authorization: "Bearer \(service.key)", subject: "alice", user: "alice"],
            challenges: [request, forward]),
        Row(kinds: ["dev"], fields: [dev: " "], challenges: [development]),
    ])
    func `every 401 says how to authenticate, on every route and method, and nothing else does`(row: Row) async throws {
        let table = table(try Self.authenticator(row.kinds))
        let refused = try await Application(responder: InProcessRouter(table)).test(.router) { client in
            var refused: Set<String> = []
            for route in table.routes {
                let path = route.template.replacing(/{[a-z]+}/, with: "x_1")
                for method in RouteTable.methods {
                    var fields = row.fields
                    fields[.contentType] = "application/json"
                    // A proxy's word may be a cookie's: without this a change is refused before the caller is known.
                    fields[.secFetchSite] = "same-origin"
                    let response = try await client.execute(
                        uri: path, method: method, headers: fields, body: ByteBuffer(string: "{}"))
                    let sent = response.headers[values: .wwwAuthenticate]
                    guard response.status == .unauthorized else {
                        #expect(sent.isEmpty, "\(method) \(path) \(response.status)")
                        continue
                    }
                    refused.insert(route.template)
                    if case .flatpeak = route.handler {
                        #expect(sent == [#"Flatpeak-Signature realm="connect-bff""#])
                    } else {
                        #expect(sent == row.challenges, "\(method) \(path)")
                    }
                    #expect(!sent.contains { $0.contains("Basic") }, "a browser would ask for a password")
                }
            }
            return refused
        }
        let guarded = table.routes.filter {
            switch $0.handler {
            case .user, .flatpeak: true
            case .anyone, .connectTokenHolder: false
            }
        }
        #expect(refused == Set(guarded.map(\.template)))
    }
}
