import Core
import Edge
import Flatpeak
import Foundation
import HTTPTypes
import InMemoryLogging
import Logging
import Networking
import Relay
import Synchronization
import TestSupport
import Testing

import Wire
@testable import Gateway

/// Keys, key sets and tokens made with the `openssl` program.
struct IdentityProvider {
    let openssl: OpenSSLProgram

    init() throws {
        openssl = try OpenSSLProgram()
        try openssl.run("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.pem")
        try openssl.run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.pem")
        try openssl.run("genpkey", "-algorithm", "ED25519", "-out", "ed.pem")
    }

    static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private func publicBytes(_ key: String, last count: Int) throws -> Data {
        try openssl.run("pkey", "-in", key, "-pubout", "-outform", "DER").suffix(count)
    }

    func rsaKey(_ kid: String, alg: String?) throws -> String {
        let modulus = String(decoding: try openssl.run("rsa", "-in", "rsa.pem", "-modulus", "-noout"), as: UTF8.self)
        let hex = modulus.drop { $0 != "=" }.dropFirst().filter(\.isHexDigit)
        let digits = hex.compactMap(\.hexDigitValue)
        let n = Data(stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) })
        let algorithm = alg.map { #","alg":"\#($0)""# } ?? ""
        return #"{"kty":"RSA","kid":"\#(kid)","use":"sig","e":"AQAB","n":"\#(Self.base64URL(n))"\#(algorithm)}"#
    }

    func ecKey(_ kid: String) throws -> String {
        let point = try publicBytes("ec.pem", last: 64)
        let (x, y) = (Self.base64URL(Data(point.prefix(32))), Self.base64URL(Data(point.suffix(32))))
        return #"{"kty":"EC","crv":"P-256","kid":"\#(kid)","x":"\#(x)","y":"\#(y)"}"#
    }

    func edKey(_ kid: String) throws -> String {
        #"{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"\#(kid)","x":"\#(Self.base64URL(try publicBytes("ed.pem", last: 32)))"}"#
    }

    /// Keys that some providers publish and that no token for us is ever signed with.
    static let unfamiliar = [
        #"{"kty":"AKP","kid":"pq","alg":"ML-DSA-65","pub":"AA"}"#, #"{"kty":"oct","kid":"h","k":"AAAA"}"#,
        #"{"kty":"RSA","kid":"enc","use":"enc","alg":"RSA-OAEP-256","n":"AQAB","e":"AQAB"}"#,
        #"{"kty":"EC","crv":"secp256k1","kid":"k1","x":"AA","y":"AA"}"#, #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, "7",
        #"{"kty":"RSA","kid":"short","n":"AQABAQAB","e":"AQAB"}"#,
    ]

    func keySet() throws -> [UInt8] {
        let keys =
            Self.unfamiliar + [
                try rsaKey("rs", alg: "RS256"), try rsaKey("ps", alg: "PS256"), try rsaKey("bare", alg: nil),
                try ecKey("es"),
                try edKey("ed"), try edKey("twice"), try ecKey("twice"),
            ]
        return Array(#"{"keys":[\#(keys.joined(separator: ","))]}"#.utf8)
    }

    /// A token over `claims`, signed in the way of `alg` whatever its header says.
    func token(
        _ claims: String, alg: String = "RS256", kid: String? = "rs", header: String? = nil
    ) throws -> String {
        let head = header ?? #"{"alg":"\#(alg)","typ":"JWT","kid":"\#(kid ?? "")"}"#
        let signed = Self.base64URL(Data(head.utf8)) + "." + Self.base64URL(Data(claims.utf8))
        try openssl.write(Data(signed.utf8), to: "signed")
        let signature: Data
        switch alg {
        case "PS256":
            signature = try openssl.run(
                "dgst", "-sha256", "-sign", "rsa.pem", "-sigopt", "rsa_padding_mode:pss", "-sigopt",
                "rsa_pss_saltlen:32",
                "signed")
        case "ES256":
            signature = Self.raw(try openssl.run("dgst", "-sha256", "-sign", "ec.pem", "signed"))
        case "EdDSA":
            signature = try openssl.run("pkeyutl", "-sign", "-inkey", "ed.pem", "-rawin", "-in", "signed")
        default:
            signature = try openssl.run("dgst", "-sha256", "-sign", "rsa.pem", "signed")
        }
        return signed + "." + Self.base64URL(signature)
    }

    /// The two numbers of a DER signature, 32 bytes each.
    private static func raw(_ der: Data) -> Data {
        let bytes = Array(der)
        let first = Array(bytes[4..<(4 + Int(bytes[3]))])
        let start = 4 + first.count + 2
        let second = Array(bytes[start...])
        return Data(
            [first, second].flatMap { number in
                Array(repeating: UInt8(0), count: max(0, 32 - number.count)) + number.suffix(32)
            })
    }
}

@Suite(.serialized) struct JWTTests {
    static let now = Date(timeIntervalSince1970: 1_800_000_000)
    static let good =
        #"{"iss":"https://id.example","aud":["other","bff"],"sub":"alice","exp":1800000060,"nbf":1799999990}"#
    let provider: IdentityProvider

    init() throws {
        provider = try IdentityProvider()
    }

    private func subject(_ token: String) throws -> Result<Subject, JSONWebToken.Flaw> {
        let keys = try IdentityKeySet(jwks: provider.keySet())
        do throws(JSONWebToken.Flaw) {
            return .success(
                try JSONWebToken.verify(
                    token, under: keys, .init(issuer: "https://id.example", audience: "bff"), at: Self.now
                ).subject)
        } catch {
            return .failure(error)
        }
    }

    @Test func `tokens of each allowed algorithm are taken, and unfamiliar keys in the set do no harm`() throws {
        defer { provider.openssl.remove() }
        let keys = try IdentityKeySet(jwks: provider.keySet())
        // The one id that occurs twice is two keys that cannot be distinguished.
        #expect(keys.skipped == IdentityProvider.unfamiliar.count + 2)
        for (alg, kid) in [("RS256", "rs"), ("RS256", "bare"), ("PS256", "ps"), ("ES256", "es"), ("EdDSA", "ed")] {
            #expect(
                try subject(provider.token(Self.good, alg: alg, kid: kid)) == .success(try #require(Subject("alice"))))
        }
        #expect(try subject(provider.token(Self.good, alg: "EdDSA", kid: "twice")) == .failure(.ambiguousKey))
    }

    @Test func `without kid a token is taken under the one key of its algorithm, and refused where there are several`()
        throws
    {
        defer { provider.openssl.remove() }
        let alice = Result<Subject, JSONWebToken.Flaw>.success(try #require(Subject("alice")))
        let without = { (jwk: String) in jwk.replacing(/"kid":"[a-z]*",/, with: "") }
        let rs = try provider.rsaKey("rs", alg: "RS256"), bare = try provider.rsaKey("bare", alg: nil)
        let ps = try provider.rsaKey("ps", alg: "PS256"), es = try provider.ecKey("es"), ed = try provider.edKey("ed")
        let twice = [try provider.ecKey("twice"), try provider.ecKey("twice")]
        // The keys, the algorithm and kid of the token, and what comes of it.
        let cases: [([String], String, String?, Result<Subject, JSONWebToken.Flaw>)] = [
            ([rs], "RS256", nil, alice), ([bare], "RS256", nil, alice), ([ps], "PS256", nil, alice),
            ([es], "ES256", nil, alice), ([ed], "EdDSA", nil, alice),
            // Of another algorithm, or of none that is known, a key does no harm.
            ([rs, ps, es, ed], "ES256", nil, alice), (IdentityProvider.unfamiliar + [rs], "RS256", nil, alice),
            ([without(rs)], "RS256", nil, alice), ([without(rs)], "RS256", "any", alice),
            ([without(rs), without(es)], "ES256", nil, alice), ([without(rs), without(es)], "ES256", "any", alice),
            // A key with the token's own id comes before one without any.
            ([without(rs), rs], "RS256", "rs", alice), ([without(bare), rs], "RS256", "any", alice),
            ([rs, bare], "RS256", nil, .failure(.ambiguousKey)),
            ([without(rs), bare], "RS256", nil, .failure(.ambiguousKey)),
            ([without(rs), without(bare)], "RS256", nil, .failure(.ambiguousKey)),
            ([without(rs), without(bare)], "RS256", "any", .failure(.ambiguousKey)),
            (twice, "ES256", nil, .failure(.ambiguousKey)), (twice, "ES256", "twice", .failure(.ambiguousKey)),
            ([try provider.rsaKey("es", alg: "RS256"), es], "ES256", nil, .failure(.ambiguousKey)),
            ([rs], "ES256", nil, .failure(.unknownKey)), ([without(rs)], "PS256", "any", .failure(.unknownKey)),
            ([rs], "RS256", "any", .failure(.unknownKey)), ([], "RS256", nil, .failure(.unknownKey)),
            ([rs, without(es)], "RS256", "any", .failure(.unknownKey)),
        ]
        for (number, (jwks, alg, kid, expected)) in cases.enumerated() {
            let keys = try IdentityKeySet(jwks: Array(#"{"keys":[\#(jwks.joined(separator: ","))]}"#.utf8))
            let header = #"{"alg":"\#(alg)"\#(kid.map { #","kid":"\#($0)""# } ?? "")}"#
            let token = try provider.token(Self.good, alg: alg, header: header)
            let found: Result<Subject, JSONWebToken.Flaw>
            do throws(JSONWebToken.Flaw) {
                found = .success(
                    try JSONWebToken.verify(
                        token, under: keys, .init(issuer: "https://id.example", audience: "bff"), at: Self.now
                    ).subject)
            } catch {
                found = .failure(error)
            }
            #expect(found == expected, "case \(number)")
        }
        // None of the algorithms that need no key.
        for alg in ["none", "HS256", ""] {
            let head = IdentityProvider.base64URL(Data(#"{"alg":"\#(alg)"}"#.utf8))
            let token = "\(head).\(IdentityProvider.base64URL(Data(Self.good.utf8)))."
            #expect(try subject(token) == .failure(.unknownKey))
        }
    }

    @Test func `kid is compared as bytes`() throws {
        defer { provider.openssl.remove() }
        // The same text to Swift: precomposed and decomposed.
        let keys = try IdentityKeySet(
            jwks: Array(#"{"keys":[\#(try provider.rsaKey("\u{e9}", alg: "RS256"))]}"#.utf8))
        #expect(keys.skipped == 0)
        for (kid, isKnown) in [("\u{e9}", true), ("e\u{301}", false)] {
            let token = try provider.token(Self.good, kid: kid)
            let found = try? JSONWebToken.verify(
                token, under: keys, .init(issuer: "https://id.example", audience: "bff"), at: Self.now
            ).subject
            #expect((found != nil) == isKnown)
        }
    }

    @Test func `a provider without kid rolls its key, and the new one is read within a minute`() async throws {
        defer { provider.openssl.remove() }
        let other = try IdentityProvider()
        defer { other.openssl.remove() }
        let bare = { (provider: IdentityProvider) in
            Array(#"{"keys":[\#(try provider.ecKey("x").replacing(#""kid":"x","#, with: ""))]}"#.utf8)
        }
        let source = KeySource(try bare(other)), clock = TestClock()
        let authenticator = authenticator(source, clock)
        let header = #"{"alg":"ES256"}"#
        let before = try other.token(Self.good, alg: "ES256", header: header)
        let after = try provider.token(Self.good, alg: "ES256", header: header)
        #expect(try await outcome(authenticator, before).get().text == "alice")
        source.document.withLock { $0 = try? bare(provider) }
        for _ in 0..<5 { #expect(await outcome(authenticator, after) == .failure(.unauthenticated)) }
        clock.advance(by: 60)
        #expect(try await outcome(authenticator, after).get().text == "alice")
        #expect(source.fetches.withLock { $0 } == 2)
        #expect(await outcome(authenticator, before) == .failure(.unauthenticated))
    }

    @Test(arguments: [9 << 10, 12 << 10, 15 << 10, 16 << 10])
    func `a token is as long as a head may be`(length: Int) throws {
        defer { provider.openssl.remove() }
        // Groups and roles make tokens long.
        let claims = Self.good.dropLast() + #","groups":""#
        let frame = try provider.token(claims + #""}"#).utf8.count
        let token = try provider.token(claims + String(repeating: "g", count: (length - frame) / 4 * 3) + #""}"#)
        #expect((length - 4...length).contains(token.utf8.count))
        #expect(try subject(token) == .success(try #require(Subject("alice"))))
    }

    @Test func `a key set that comes compressed is refused, and the log says so`() async throws {
        defer { provider.openssl.remove() }
        let keySet = String(decoding: try provider.keySet(), as: UTF8.self)
        let server = try await RawServer { _ in
            .sends(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(keySet.utf8.count)\r\n\r\n\(keySet)",
                closes: false)
        }
        let network = HTTPTransport(clock: ContinuousClock()), logs = InMemoryLogHandler()
        let authenticator = JWTAuthenticator(
            issuer: "https://id.example", audience: "bff",
            fetch: { () throws(DocumentFailure) in
                try await network.document(at: "http://127.0.0.1:\(server.port)/jwks.json")
            }, now: { Self.now }, time: TestClock().time, logger: Logger(label: "test") { _ in logs })
        #expect(
            await outcome(authenticator, try provider.token(Self.good)) == .failure(.identityUnavailable(retryAfter: 1))
        )
        #expect(
            logs.entries.contains {
                $0.metadata["bff.why"]?.description.contains("Content-Encoding: gzip") == true && $0.level == .error
            })
        await network.shutdown()
        await server.stop()
    }

    @Test func `what is not genuine, not for us or not valid now is refused`() throws {
        defer { provider.openssl.remove() }
        let genuine = try provider.token(Self.good)
        let parts = genuine.split(separator: ".").map(String.init)
        let none = IdentityProvider.base64URL(Data(#"{"alg":"none","kid":"rs"}"#.utf8))
        let publicKey = try provider.openssl.run("pkey", "-in", "rsa.pem", "-pubout")
        try provider.openssl.write(publicKey, to: "public.pem")
        // HS256 with the public key as the secret.
        let symmetric = IdentityProvider.base64URL(Data(#"{"alg":"HS256","kid":"rs"}"#.utf8)) + "." + parts[1]
        try provider.openssl.write(Data(symmetric.utf8), to: "signed")
        let mac = try provider.openssl.run(
            "dgst", "-sha256", "-binary", "-mac", "HMAC", "-macopt",
            "hexkey:" + publicKey.map { String(format: "%02x", Int($0)) }.joined(), "signed")
        let claims = { (changes: String) in
            #"{"iss":"https://id.example","aud":"bff","sub":"alice","exp":1800000060\#(changes)}"#
        }
        let cases: [(String, JSONWebToken.Flaw)] = [
            ("\(none).\(parts[1]).", .wrongSignature), ("\(none).\(parts[1]).\(parts[2])", .wrongSignature),
            (symmetric + "." + IdentityProvider.base64URL(mac), .wrongSignature),
            ("\(parts[0]).\(parts[1])x.\(parts[2])", .wrongSignature), ("\(parts[0]).\(parts[1])", .malformed),
            ("\(genuine).x", .malformed), ("\(parts[0]).\(parts[1]).\(parts[2])=", .malformed), ("", .malformed),
            ("..", .malformed), (String(repeating: "a", count: 16 << 10 + 1), .malformed),
            (try provider.token(Self.good, header: #"{"alg":"PS256","kid":"rs"}"#), .wrongSignature),
            (try provider.token(Self.good, alg: "PS256", kid: "rs"), .wrongSignature),
            (try provider.token(Self.good, alg: "ES256", kid: "rs"), .wrongSignature),
            (try provider.token(Self.good, kid: "../../etc/passwd"), .unknownKey),
            (try provider.token(Self.good, kid: "nobody"), .unknownKey),
            (try provider.token(Self.good, kid: "enc"), .unknownKey),
            (try provider.token(Self.good, kid: nil), .unknownKey),
            (try provider.token(Self.good, header: #"{"alg":"RS256"}"#), .ambiguousKey),
            (try provider.token(Self.good, header: #"{"alg":"RS256","kid":7}"#), .malformed),
            (try provider.token(Self.good, header: #"{"alg":"RS256","kid":"rs","crit":["exp"]}"#), .malformed),
            (try provider.token(Self.good.replacing("id.example", with: "id.example/")), .wrongIssuer),
            (try provider.token(Self.good.replacing(#""bff""#, with: #""bff2""#)), .wrongAudience),
            (try provider.token(claims("").replacing(#""exp":1800000060"#, with: #""exp":1799999969"#)), .expired),
            (try provider.token(claims(#","nbf":1800000031"#)), .notYetValid),
            (try provider.token(claims("").replacing(#","exp":1800000060"#, with: "")), .malformed),
            (try provider.token(claims("").replacing(#""alice""#, with: #""""#)), .noSubject),
            (try provider.token(claims("").replacing(#""sub":"alice","#, with: "")), .noSubject),
            (try provider.token(claims(#","nbf":1e308"#)), .notYetValid),
            (try provider.token(claims("").replacing("1800000060", with: "-1e308")), .expired),
            (try provider.token(claims("").replacing("1800000060", with: "1e400")), .malformed),
            (try provider.token(claims("").replacing("1800000060", with: "NaN")), .malformed),
            (try provider.token(claims(#","nbf":1e400"#)), .malformed),
            (try provider.token("[]"), .malformed), (try provider.token("not json"), .malformed),
        ]
        for (token, flaw) in cases {
            #expect(try subject(token) == .failure(flaw), "\(flaw) \(token.prefix(60))")
        }
        // At the edges of the leeway.
        #expect(
            try subject(provider.token(claims("").replacing("1800000060", with: "1799999971")))
                == .success(try #require(Subject("alice"))))
        #expect(try subject(provider.token(claims(#","nbf":1800000030"#))) == .success(try #require(Subject("alice"))))
    }

    @Test("ten thousand unknown key ids in a minute are one fetch, and the last good keys stay (S38)")
    func S38() async throws {
        defer { provider.openssl.remove() }
        let clock = TestClock()
        let fetches = Mutex(0)
        let isDown = Mutex(false)
        let keySet = try provider.keySet()
        let authenticator = JWTAuthenticator(
            issuer: "https://id.example", audience: "bff",
            fetch: {
                fetches.withLock { $0 += 1 }
                return isDown.withLock { $0 } ? nil : keySet
            }, now: { Self.now }, time: clock.time, logger: .silent)
        let caller = { (token: String) in
            Caller(
                head: HTTPRequest(
                    method: .get, scheme: nil, authority: nil, path: "/",
                    headerFields: [.authorization: "Bearer \(token)"]),
                peer: .unix)
        }
        let good = caller(try provider.token(Self.good))
        #expect(try await authenticator.subject(of: good).text == "alice")
        let body = IdentityProvider.base64URL(Data("{}".utf8))
        for number in 0..<10_000 {
            let head = IdentityProvider.base64URL(Data(#"{"alg":"RS256","kid":"k\#(number)"}"#.utf8))
            await #expect(throws: BFFError.unauthenticated) {
                try await authenticator.subject(of: caller("\(head).\(body).AAAA"))
            }
        }
        #expect(fetches.withLock { $0 } == 1)
        isDown.withLock { $0 = true }
        clock.advance(by: 3600)
        await authenticator.reload()
        #expect(fetches.withLock { $0 } == 2)
        #expect(try await authenticator.subject(of: good).text == "alice")
        clock.advance(by: 86_400 - 3600)
        #expect(try await authenticator.subject(of: good).text == "alice")
        clock.advance(by: 1)
        await #expect(throws: BFFError.identityUnavailable(retryAfter: 2)) {
            try await authenticator.subject(of: good)
        }
    }

    @Test func `the key set is read over HTTP, from its one place, without following it elsewhere`() async throws {
        defer { provider.openssl.remove() }
        let keySet = String(decoding: try provider.keySet(), as: UTF8.self)
        let elsewhere = try await RawServer { _ in
            .sends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", closes: true)
        }
        let moved = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:\(elsewhere.port)/\r\nContent-Length: 0\r\n\r\n"
        let found = "HTTP/1.1 200 OK\r\nContent-Length: \(keySet.utf8.count)\r\n\r\n\(keySet)"
        let server = try await RawServer { .sends($0 <= 1 ? moved : found, closes: false) }
        let network = HTTPTransport(clock: ContinuousClock())
        let clock = TestClock()
        let authenticator = JWTAuthenticator(
            issuer: "https://id.example", audience: "bff",
            fetch: { () throws(DocumentFailure) in
                try await network.document(at: "http://127.0.0.1:\(server.port)/jwks.json")
            }, now: { Self.now }, time: clock.time, logger: .silent)
        let head = HTTPRequest(
            method: .get, scheme: nil, authority: nil, path: "/",
            headerFields: [.authorization: "Bearer \(try provider.token(Self.good))"])
        let caller = Caller(head: head, peer: .unix)
        await #expect(throws: BFFError.identityUnavailable(retryAfter: 1)) {
            try await authenticator.subject(of: caller)
        }
        clock.advance(by: 1)
        #expect(try await authenticator.subject(of: caller).text == "alice")
        #expect(elsewhere.connections == 0)
        await network.shutdown()
        await server.stop()
        await elsewhere.stop()
    }

    @Test func `without keys a refusal is temporary: the caller may try again`() async throws {
        defer { provider.openssl.remove() }
        let authenticator = JWTAuthenticator(
            issuer: "https://id.example", audience: "bff", fetch: { nil }, now: { Self.now }, logger: .silent)
        let head = HTTPRequest(
            method: .get, scheme: nil, authority: nil, path: "/",
            headerFields: [.authorization: "Bearer \(try provider.token(Self.good))"])
        await #expect(throws: BFFError.identityUnavailable(retryAfter: 1)) {
            try await authenticator.subject(of: Caller(head: head, peer: .unix))
        }
    }

    // MARK: - Keys that come and go (I13)

    /// Where the provider's keys are, and a door before them.
    private final class KeySource: Sendable {
        let document: Mutex<[UInt8]?>
        let fetches = Mutex(0)
        private let isOpen = Mutex(true)

        init(_ document: [UInt8]?) { self.document = Mutex(document) }

        func open(_ isOpen: Bool) { self.isOpen.withLock { $0 = isOpen } }

        func fetch() async -> [UInt8]? {
            fetches.withLock { $0 += 1 }
            for _ in 0..<10_000 where !isOpen.withLock(\.self) { try? await Task.sleep(for: .milliseconds(1)) }
            return document.withLock(\.self)
        }
    }

    private func authenticator(_ source: KeySource, _ clock: TestClock) -> JWTAuthenticator {
        JWTAuthenticator(
            issuer: "https://id.example", audience: "bff", fetch: { await source.fetch() }, now: { Self.now },
            time: clock.time, logger: .silent)
    }

    private func caller(_ token: String) -> Caller {
        Caller(
            head: HTTPRequest(
                method: .get, scheme: nil, authority: nil, path: "/",
                headerFields: [.authorization: "Bearer \(token)"]), peer: .unix)
    }

    private func outcome(_ authenticator: JWTAuthenticator, _ token: String) async -> Result<Subject, BFFError> {
        do throws(BFFError) {
            return .success(try await authenticator.subject(of: caller(token)))
        } catch {
            return .failure(error)
        }
    }

    @Test("all that come during the first fetch, and after a key change, join one fetch (I13)") func join() async throws
    {
        defer { provider.openssl.remove() }
        let old = Array(#"{"keys":[\#(try provider.ecKey("es"))]}"#.utf8)
        let source = KeySource(old), clock = TestClock()
        let authenticator = authenticator(source, clock)
        let tokens = [try provider.token(Self.good, alg: "ES256", kid: "es"), try provider.token(Self.good)]
        for (index, token) in tokens.enumerated() {
            source.open(false)
            let outcomes = await withTaskGroup(of: Result<Subject, BFFError>.self) { group in
                for _ in 0..<60 { group.addTask { await outcome(authenticator, token) } }
                try? await until { source.fetches.withLock { $0 } > index }
                for _ in 0..<2000 { await Task.yield() }
                source.open(true)
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.allSatisfy { (try? $0.get().text) == "alice" }, "fetch \(index)")
            #expect(source.fetches.withLock { $0 } == index + 1)
            // The provider rolls its keys.
            source.document.withLock { $0 = try? provider.keySet() }
            clock.advance(by: 60)
        }
    }

    @Test("an emptied key set revokes; one that cannot be read keeps the old (I13, I14)") func emptied() async throws {
        defer { provider.openssl.remove() }
        let good = try provider.keySet()
        let source = KeySource(good), clock = TestClock()
        let authenticator = authenticator(source, clock)
        let token = try provider.token(Self.good)
        #expect(!authenticator.isReady)
        #expect(try await outcome(authenticator, token).get().text == "alice")
        #expect(authenticator.isReady)
        for unreadable in ["", "{}", "<html>", #"{"keys":"none"}"#, #"{"keys":null}"#, "[]"] {
            source.document.withLock { $0 = Array(unreadable.utf8) }
            clock.advance(by: 600)
            await authenticator.reload()
            #expect(try await outcome(authenticator, token).get().text == "alice", "\(unreadable)")
        }
        for empty in [#"{"keys":[]}"#, #"{"keys":[{"kty":"oct","kid":"rs","k":"AAAA"}]}"#] {
            source.document.withLock { $0 = Array(empty.utf8) }
            await authenticator.reload()
            #expect(await outcome(authenticator, token) == .failure(.unauthenticated), "\(empty)")
            #expect(authenticator.isReady)
        }
    }

    @Test("a provider that is away is asked after 1, 2, 4 and up to 60 seconds, and callers know when (I13)")
    func backOff() async throws {
        defer { provider.openssl.remove() }
        let source = KeySource(nil), clock = TestClock()
        let authenticator = authenticator(source, clock)
        let token = try provider.token(Self.good)
        for (count, pause) in [1, 2, 4, 8, 16, 32, 60, 60].enumerated() {
            for _ in 0..<5 {
                #expect(await outcome(authenticator, token) == .failure(.identityUnavailable(retryAfter: pause)))
            }
            #expect(source.fetches.withLock { $0 } == count + 1)
            clock.advance(by: Double(pause) - 0.5)
            #expect(await outcome(authenticator, token) == .failure(.identityUnavailable(retryAfter: 1)))
            clock.advance(by: 0.5)
        }
        source.document.withLock { $0 = try? provider.keySet() }
        #expect(try await outcome(authenticator, token).get().text == "alice")
    }

    @Test("keys are fetched at the start and before they are old, and no caller waits (I13)") func ahead() async throws
    {
        defer { provider.openssl.remove() }
        let source = KeySource(nil), clock = TestClock()
        let authenticator = authenticator(source, clock)
        let background = try #require(AnyOf([authenticator]).background)
        let running = Task { await background() }
        try await until { source.fetches.withLock { $0 } >= 3 }
        #expect(!AnyOf([authenticator]).isReady)
        source.document.withLock { $0 = try? provider.keySet() }
        try await until { AnyOf([authenticator]).isReady }
        let fetched = source.fetches.withLock { $0 }
        try await until { source.fetches.withLock { $0 } >= fetched + 3 }
        running.cancel()
        await running.value
    }
}
