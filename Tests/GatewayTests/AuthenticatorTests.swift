import Core
import Edge
import HTTPTypes
import Keys
import Relay
import Testing

@testable import Gateway

@Suite struct AuthenticatorTests {
    static let user = HTTPField.Name("X-Auth-Request-User")!
    static let subject = HTTPField.Name("Connect-Subject")!
    let made = ServiceKeys.make(named: "backend", randomBytes: { (0..<$0).map { UInt8(truncatingIfNeeded: $0 * 37) } })

    private func caller(_ fields: HTTPFields, from peer: Peer = .unix) -> Caller {
        Caller(
            head: HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/", headerFields: fields), peer: peer)
    }

    private func both() throws -> AnyOf {
        let proxies = TrustedProxies([try #require(AddressRange("10.1.0.0/16"))], unix: false)
        return AnyOf([
            ProxyAuthenticator(header: Self.user, proxies: proxies),
            ServiceKeyAuthenticator(try ServiceKeys(made.line)),
        ])
    }

    private func address(_ text: String) throws -> Peer { .address(try #require(IPAddress(text))) }

    @Test func `a proxy of ours names the user; no other sender can`() async throws {
        let any = try both()
        #expect(try await any.subject(of: caller([Self.user: "alice"], from: address("10.1.2.3"))).text == "alice")
        for peer in [try address("10.2.0.1"), try address("::1"), .unix] {
            await #expect(throws: BFFError.unauthenticated) {
                try await any.subject(of: caller([Self.user: "alice"], from: peer))
            }
        }
        for value in ["", String(repeating: "a", count: 256)] {
            await #expect(throws: BFFError.unauthenticated) {
                try await any.subject(of: caller([Self.user: value], from: address("10.1.2.3")))
            }
        }
        var twice: HTTPFields = [Self.user: "alice"]
        twice.append(HTTPField(name: Self.user, value: "bob"))
        await #expect(throws: BFFError.unauthenticated) {
            try await any.subject(of: caller(twice, from: address("10.1.2.3")))
        }
    }

    @Test func `the integrator's backend proves itself and names the user`() async throws {
        let any = try both()
        let good: HTTPFields = [.authorization: "Bearer \(made.key)", Self.subject: "alice"]
        #expect(try await any.subject(of: caller(good)).text == "alice")
        for fields in [
            [.authorization: "Bearer \(made.key)"], [.authorization: "Bearer \(made.key)0", Self.subject: "alice"],
            [.authorization: "Bearer sbk_", Self.subject: "alice"], [.authorization: made.key, Self.subject: "alice"],
            [Self.subject: "alice"], [:],
        ] as [HTTPFields] {
            await #expect(throws: BFFError.unauthenticated) { try await any.subject(of: caller(fields)) }
        }
    }

    @Test("two identities in one request are refused (S23)")
    func S23() async throws {
        let fields: HTTPFields = [
            .authorization: "Bearer \(made.key)", Self.subject: "alice", Self.user: "alice",
        ]
        await #expect(throws: BFFError.unauthenticated) {
            try await both().subject(of: caller(fields, from: address("10.1.2.3")))
        }
    }

    @Test func `a key that is taken out of the file stops working`() async throws {
        let authenticator = ServiceKeyAuthenticator(try ServiceKeys(made.line))
        let fields: HTTPFields = [.authorization: "Bearer \(made.key)", Self.subject: "alice"]
        _ = try await authenticator.subject(of: caller(fields))
        let other = ServiceKeys.make(named: "other", randomBytes: { Array(repeating: 9, count: $0) })
        authenticator.replace(try ServiceKeys("\(made.line)\n\(other.line)"))
        _ = try await authenticator.subject(of: caller(fields))
        authenticator.replace(try ServiceKeys(other.line))
        await #expect(throws: BFFError.unauthenticated) { try await authenticator.subject(of: caller(fields)) }
    }
}
