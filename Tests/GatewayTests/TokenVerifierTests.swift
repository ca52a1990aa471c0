import Core
import Edge
import Foundation
import HTTPTypes
import Keys
import Networking
import Synchronization
import TestSupport
import Testing

@testable import Gateway

@Suite(.serialized) struct TokenVerifierTests {
    /// Ten minutes by the clock of the tests.
    static let claims =
        #"{"iss":"https://id.example","aud":["other","bff"],"sub":"alice","exp":1700000600,"nbf":1699999990}"#

    // MARK: - What is verified again

    @Test func `a good token is verified once a minute, a refused one each time`() throws {
        let calls = Mutex<[String]>([]), isGood = Mutex(false)
        let alice = try #require(Subject("alice"))
        let verifier = TokenVerifier(.init(issuer: "i", audience: "a")) {
            (token, _, _, now) throws(JSONWebToken.Flaw) in
            calls.withLock { $0.append(token) }
            guard isGood.withLock(\.self) else { throw .wrongSignature }
            return .init(
                subject: alice,
                validity: .init(notBefore: nil, expiry: now.timeIntervalSince1970 + 600, leeway: 30))
        }
        let keys = try IdentityKeySet(jwks: Array(#"{"keys":[]}"#.utf8))
        let others = try IdentityKeySet(jwks: Array(#"{"keys":[ ]}"#.utf8))
        let start = ContinuousClock.now
        func verifications(_ token: String, _ keys: IdentityKeySet, at seconds: Double, times: Int = 3) -> Int {
            let before = calls.withLock(\.count)
            for _ in 0..<times {
                _ = try? verifier.subject(
                    of: token, under: keys,
                    at: .init(wall: Date(timeIntervalSince1970: seconds), monotonic: start + .seconds(seconds)))
            }
            return calls.withLock(\.count) - before
        }
        #expect(verifications("a.b.c", keys, at: 0) == 3)
        isGood.withLock { $0 = true }
        #expect(verifications("a.b.c", keys, at: 0) == 1)
        #expect(verifications("a.b.d", keys, at: 0) == 1)
        #expect(verifications("a.b.c", keys, at: 59) == 0)
        // A stranger can have the same document read again once a minute.
        #expect(verifications("a.b.c", try IdentityKeySet(jwks: Array(#"{"keys":[]}"#.utf8)), at: 59) == 0)
        #expect(verifications("a.b.d", others, at: 59) == 1)
        #expect(verifications("a.b.c", keys, at: 61) == 1)
        // A token that was good, and is no longer.
        isGood.withLock { $0 = false }
        #expect(verifications("a.b.d", keys, at: 61) == 3)
        #expect(throws: JSONWebToken.Flaw.wrongSignature) {
            try verifier.subject(
                of: "a.b.d", under: keys,
                at: .init(wall: Date(timeIntervalSince1970: 61), monotonic: start + .seconds(61)))
        }
    }

    // MARK: - Attacks on what is cached

    private final class Source: Sendable {
        let document: Mutex<String?>
        init(_ document: String) { self.document = Mutex(document) }
    }

    /// An authenticator whose keys and clocks the test sets.
    private final class Fixture: Sendable {
        let clock = TestClock()
        let source: Source
        let authenticator: JWTAuthenticator

        init(_ document: String, audience: String = "bff") {
            let source = Source(document)
            self.source = source
            authenticator = JWTAuthenticator(
                issuer: "https://id.example", audience: audience,
                fetch: { source.document.withLock { $0.map { Array($0.utf8) } } }, now: { [clock] in clock.wall },
                time: clock.time, logger: .silent)
        }

        func read(_ document: String?) async {
            source.document.withLock { $0 = document }
            await authenticator.reload()
        }

        func outcome(_ token: String) async -> Result<String, BFFError> {
            let head = HTTPRequest(
                method: .get, scheme: nil, authority: nil, path: "/",
                headerFields: [.authorization: "Bearer \(token)"])
            do throws(BFFError) {
                return .success(try await authenticator.subject(of: Caller(head: head, peer: .unix)).text)
            } catch {
                return .failure(error)
            }
        }
    }

    private static func set(_ keys: String...) -> String { #"{"keys":[\#(keys.joined(separator: ","))]}"# }

    @Test("a key that is replaced, withdrawn or ambiguous ends what it verified at once (I13, I14)")
    func rotation() async throws {
        let provider = try IdentityProvider(), other = try IdentityProvider()
        defer {
            provider.openssl.remove()
            other.openssl.remove()
        }
        let key = try provider.ecKey("k"), new = try other.ecKey("k")
        let named = try provider.token(Self.claims, alg: "ES256", kid: "k")
        let nameless = try provider.token(Self.claims, alg: "ES256", header: #"{"alg":"ES256"}"#)
        let good = Self.set(key)
        let fixture = Fixture(good)
        // The next document, and whether tokens with and without kid are good under it.
        let cases: [(String?, Bool, Bool)] = [
            (Self.set(new), false, false),
            (Self.set(key, new), false, false),
            (Self.set(key, try other.ecKey("k2")), true, false),
            (Self.set(try provider.ecKey("k2")), false, true),
            (Self.set(), false, false),
            (Self.set(try provider.edKey("k")), false, false),
            // What cannot be read changes nothing.
            ("<html>", true, true), (nil, true, true), (good, true, true),
        ]
        for (number, (document, isNamedGood, isNamelessGood)) in cases.enumerated() {
            await fixture.read(good)
            for token in [named, nameless] {
                for _ in 0..<2 { #expect(await fixture.outcome(token) == .success("alice"), "before case \(number)") }
            }
            await fixture.read(document)
            for (token, isGood) in [(named, isNamedGood), (nameless, isNamelessGood)] {
                for _ in 0..<2 {
                    let expected: Result<String, BFFError> = isGood ? .success("alice") : .failure(.unauthenticated)
                    #expect(await fixture.outcome(token) == expected, "case \(number)")
                }
            }
        }
    }

    @Test("keys that are too old to use verify nothing that is cached (I13)") func cap() async throws {
        let provider = try IdentityProvider()
        defer { provider.openssl.remove() }
        let fixture = Fixture(Self.set(try provider.ecKey("k")))
        let claims = Self.claims.replacing("1700000600", with: "1800000000")
        let token = try provider.token(claims, alg: "ES256", kid: "k")
        #expect(await fixture.outcome(token) == .success("alice"))
        fixture.source.document.withLock { $0 = nil }
        fixture.clock.advance(by: 86_400)
        #expect(await fixture.outcome(token) == .success("alice"))
        fixture.clock.advance(by: 1)
        guard case .failure(.identityUnavailable) = await fixture.outcome(token) else {
            Issue.record("a token was believed without keys")
            return
        }
    }

    @Test func `a wall clock that jumps is taken at its word at each use`() async throws {
        let provider = try IdentityProvider()
        defer { provider.openssl.remove() }
        let fixture = Fixture(Self.set(try provider.ecKey("k")))
        let token = try provider.token(Self.claims, alg: "ES256", kid: "k")
        for (jump, isGood) in [
            (0.0, true), (629.5, true), (630, false), (86_400 * 365, false), (-40, true), (-40.5, false), (0, true),
        ] {
            fixture.clock.setWall(forwardBy: jump)
            let expected: Result<String, BFFError> = isGood ? .success("alice") : .failure(.unauthenticated)
            for _ in 0..<2 { #expect(await fixture.outcome(token) == expected, "\(jump)") }
            fixture.clock.setWall(forwardBy: -jump)
        }
    }

    @Test func `no other spelling of a cached token is good`() async throws {
        let provider = try IdentityProvider()
        defer { provider.openssl.remove() }
        let fixture = Fixture(Self.set(try provider.ecKey("k"), try provider.rsaKey("rs", alg: "RS256")))
        for (alg, kid) in [("ES256", "k"), ("RS256", "rs")] {
            let token = try provider.token(Self.claims, alg: alg, kid: kid)
            #expect(await fixture.outcome(token) == .success("alice"))
            // The last letter has four bits that no byte of the signature holds.
            let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            let parts = token.split(separator: ".").map(String.init)
            let others =
                letters.filter { $0 != token.last }.map { token.dropLast() + String($0) } + [
                    token + "=", token + "==", token + "A", token + ".", " " + token,
                    String(token.dropLast()), parts[0] + "." + parts[1] + ".",
                    parts[0] + "=." + parts[1] + "." + parts[2],
                ]
            for other in others {
                #expect(await fixture.outcome(other) == .failure(.unauthenticated), "\(other.suffix(8))")
            }
            #expect(await fixture.outcome(token) == .success("alice"))
        }
    }

    @Test func `a token for two audiences is good for these alone`() async throws {
        let provider = try IdentityProvider()
        defer { provider.openssl.remove() }
        let keys = Self.set(try provider.ecKey("k"))
        let token = try provider.token(Self.claims, alg: "ES256", kid: "k")
        let ours = Fixture(keys), other = Fixture(keys, audience: "other"), third = Fixture(keys, audience: "third")
        for _ in 0..<2 {
            #expect(await ours.outcome(token) == .success("alice"))
            #expect(await other.outcome(token) == .success("alice"))
            #expect(await third.outcome(token) == .failure(.unauthenticated))
        }
    }
}
