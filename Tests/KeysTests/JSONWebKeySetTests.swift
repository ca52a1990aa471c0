import Core
import TestSupport
import Testing

@testable import Keys

@Suite struct JSONWebKeySetTests {
    private static let n = SignatureVectorTests.modulus
    private static let (x, y) = (SignatureVectorTests.x, SignatureVectorTests.y)
    private static let edwards = SignatureVectorTests.edwards
    private static let curve = #""kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)""#
    private static let rsa = #""kty":"RSA","n":"\#(n)","e":"AQAB""#
    private static let ed = #""kty":"OKP","crv":"Ed25519","x":"\#(edwards)""#

    private func set(_ keys: [String], bareRSA: JWSAlgorithm = .rs256) throws -> [JSONWebKeySet.Entry] {
        try JSONWebKeySet(Array(#"{"keys":[\#(keys.joined(separator: ","))]}"#.utf8), bareRSA: bareRSA).entries
    }

    @Test func `binds each key to the one algorithm that its kty, alg and crv say`() throws {
        // What stands in the set, and the algorithm of the key; nil for none.
        let cases: [(String, JWSAlgorithm?)] = [
            ("{\(Self.rsa)}", .rs256), (#"{\#(Self.rsa),"alg":"RS256"}"#, .rs256),
            (#"{\#(Self.rsa),"alg":"PS256"}"#, .ps256), (#"{\#(Self.rsa),"use":"sig"}"#, .rs256),
            // A null is as good as nothing, and certificates are not looked at.
            (#"{\#(Self.rsa),"alg":null,"use":null,"x5c":[7],"x5t":{}}"#, .rs256),
            ("{\(Self.curve)}", .es256), (#"{\#(Self.curve),"alg":"ES256"}"#, .es256),
            ("{\(Self.ed)}", .edDSA), (#"{\#(Self.ed),"alg":"EdDSA"}"#, .edDSA),
            // The zero that some providers put in front of their numbers.
            (#"{"kty":"RSA","n":"\#(base64URL([0] + Self.bytes(Self.n)))","e":"AAEAAQ"}"#, .rs256),
            // For something else, or of an algorithm of another kind of key.
            (#"{\#(Self.rsa),"use":"enc"}"#, nil), (#"{\#(Self.rsa),"alg":"RSA-OAEP-256"}"#, nil),
            (#"{\#(Self.rsa),"alg":"RS512"}"#, nil), (#"{\#(Self.rsa),"alg":"ES256"}"#, nil),
            (#"{\#(Self.rsa),"alg":"EdDSA"}"#, nil), (#"{\#(Self.rsa),"alg":"rs256"}"#, nil),
            (#"{\#(Self.curve),"alg":"RS256"}"#, nil), (#"{\#(Self.curve),"alg":"ES384"}"#, nil),
            (#"{\#(Self.curve),"use":"enc"}"#, nil), (#"{\#(Self.ed),"alg":"ES256"}"#, nil),
            // None that needs no key of its own.
            (#"{\#(Self.rsa),"alg":"HS256"}"#, nil), (#"{\#(Self.rsa),"alg":"none"}"#, nil),
            (#"{"kty":"oct","k":"\#(Self.x)"}"#, nil), (#"{"kty":"oct","k":"\#(Self.x)","alg":"HS256"}"#, nil),
            (#"{"kty":"oct","alg":"RS256","n":"\#(Self.n)","e":"AQAB"}"#, nil),
            // Another curve, or another kind.
            (#"{"kty":"EC","crv":"P-384","x":"\#(Self.x)","y":"\#(Self.y)"}"#, nil),
            (#"{"kty":"EC","crv":"secp256k1","x":"\#(Self.x)","y":"\#(Self.y)"}"#, nil),
            (#"{"kty":"EC","x":"\#(Self.x)","y":"\#(Self.y)"}"#, nil),
            (#"{"kty":"EC","crv":"Ed25519","x":"\#(Self.edwards)"}"#, nil),
            (#"{"kty":"OKP","crv":"X25519","x":"\#(Self.edwards)"}"#, nil),
            (#"{"kty":"OKP","crv":"P-256","x":"\#(Self.x)","y":"\#(Self.y)"}"#, nil),
            (#"{"kty":"AKP","alg":"ML-DSA-65","pub":"AA"}"#, nil), (#"{"n":"\#(Self.n)","e":"AQAB"}"#, nil),
            // Numbers that make no key.
            (#"{"kty":"EC","crv":"P-256","x":"\#(Self.y)","y":"\#(Self.x)"}"#, nil),
            (#"{"kty":"EC","crv":"P-256","x":"\#(Self.x)"}"#, nil),
            (#"{"kty":"RSA","n":"\#(Self.n)","e":"AQ"}"#, nil), (#"{"kty":"RSA","n":"\#(Self.n)","e":"Ag"}"#, nil),
            (#"{"kty":"RSA","n":"\#(Self.n)","e":""}"#, nil), (#"{"kty":"RSA","n":"\#(Self.n)"}"#, nil),
            (#"{"kty":"RSA","n":"\#(Self.n.prefix(168))","e":"AQAB"}"#, nil),
            (#"{"kty":"RSA","n":"","e":"AQAB"}"#, nil), (#"{"kty":"RSA","n":"AA","e":"AQAB"}"#, nil),
            // Base64url in another spelling.
            (#"{"kty":"RSA","n":"\#(Self.n)==","e":"AQAB"}"#, nil),
            (#"{"kty":"RSA","n":"\#(Self.n)","e":"AQAB="}"#, nil),
            (#"{"kty":"RSA","n":"\#(Self.n.replacing("_", with: "/"))","e":"AQAB"}"#, nil),
            (#"{"kty":"RSA","n":" \#(Self.n)","e":"AQAB"}"#, nil),
            (#"{"kty":"OKP","crv":"Ed25519","x":"\#(Self.edwards.dropLast())p"}"#, nil),
            // No texts, and no keys.
            (#"{\#(Self.rsa),"use":7}"#, nil), (#"{\#(Self.rsa),"alg":["RS256"]}"#, nil),
            (#"{"kty":"RSA","n":7,"e":65537}"#, nil), ("{}", nil), ("[]", nil), ("7", nil), ("null", nil),
            (#""RSA""#, nil),
        ]
        let entries = try set(cases.map(\.0))
        #expect(entries.count == cases.count)
        for (entry, (jwk, algorithm)) in zip(entries, cases) { #expect(entry.key?.algorithm == algorithm, "\(jwk)") }
    }

    @Test func `an RSA key without alg is for the algorithm that the reader names`() throws {
        let keys = ["{\(Self.rsa)}", #"{\#(Self.rsa),"alg":"RS256"}"#, "{\(Self.curve)}"]
        let algorithms = try set(keys, bareRSA: .ps256).map { $0.key?.algorithm }
        #expect(algorithms == [.ps256, .rs256, .es256])
    }

    @Test func `keeps the ids of entries without a usable key, and does not distinguish them`() throws {
        let entries = try set([
            #"{\#(Self.rsa),"kid":"a"}"#, #"{"kty":"oct","kid":"a"}"#, #"{\#(Self.curve),"kid":""}"#, "{\(Self.ed)}",
            #"{\#(Self.ed),"kid":7}"#,
        ])
        #expect(entries.map(\.id) == ["a", "a", "", nil, nil])
        #expect(entries.map { $0.key != nil } == [true, false, true, true, false])
    }

    @Test func `reads a hundred keys and counts the others`() throws {
        let entries = try set(Array(repeating: "{\(Self.ed)}", count: 150))
        #expect(entries.count == 150)
        #expect(entries.prefix(100).allSatisfy { $0.key != nil })
        #expect(entries.dropFirst(100).allSatisfy { $0.key == nil })
    }

    @Test func `a set without a key is a set`() throws {
        #expect(try set([]).isEmpty)
    }

    @Test(arguments: ["", "{}", "[]", "<html>", "null", #"{"keys":null}"#, #"{"keys":{}}"#, #"{"keys":"none"}"#])
    func `refuses what is no set`(document: String) {
        #expect(throws: JSONWebKeySet.Malformed.self) {
            try JSONWebKeySet(Array(document.utf8), bareRSA: .rs256)
        }
    }

    private static func bytes(_ text: String) -> [UInt8] { [UInt8](base64URL: text.utf8) ?? [] }
}
