import Keys
import TestSupport
import Testing

@testable import Webhooks

/// Key sets of Flatpeak, with keys that the `openssl` program made.
@Suite(.serialized) struct WebhookKeySetTests {
    let signer: OpenSSLSigner

    init() throws {
        signer = try OpenSSLSigner()
    }

    private func set(_ keys: String...) -> [UInt8] {
        Array(#"{"keys":[\#(keys.joined(separator: ","))]}"#.utf8)
    }

    @Test("of a key set only RSA keys of 2048 bits and more, of one id each, are taken (S38)")
    func S38() throws {
        defer { signer.remove() }
        let short = try OpenSSLSigner(bits: 1024), other = try OpenSSLSigner()
        defer {
            short.remove()
            other.remove()
        }
        let keys = try WebhookKeySet(
            jwks: set(
                try signer.jwk("good"), try short.jwk("short"), try signer.jwk("twice"), try other.jwk("twice"),
                try signer.jwk("rs", more: #","alg":"RS256""#), try signer.jwk("enc", more: #","use":"enc""#),
                try signer.jwk(String(repeating: "i", count: 129)), try signer.jwk("e1", e: "AQ"),
                try signer.jwk("padded", e: "AQAB="), try signer.jwk("bare", more: ""),
                #"{"kty":"EC","crv":"P-256","kid":"ec","x":"AA","y":"AA"}"#, #"{"kty":"oct","kid":"h","k":"AAAA"}"#,
                #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, #"{"kid":7}"#, "7", "null",
                // 4104 bits.
                #"{"kty":"RSA","kid":"long","n":"\#(base64URL(Array(repeating: 255, count: 513)))","e":"AQAB"}"#))
        let ids = ["good", "short", "twice", "rs", "enc", "e1", "padded", "bare", "ec", "h", "", "long"]
        #expect(ids.filter { keys[$0] != nil } == ["good", "bare"])
        #expect(keys.skipped == 15)
        let message = Array("1776847880.{}".utf8)
        let signature = try signer.sign(message)
        #expect(keys["good"]?.verifies(signature, of: message) == true)
        #expect(keys["bare"]?.verifies(signature, of: message) == true)
    }

    @Test("an id that an unusable key shares is unknown (S38)")
    func S38twice() throws {
        defer { signer.remove() }
        let keys = try WebhookKeySet(jwks: set(try signer.jwk("a"), #"{"kty":"oct","kid":"a","k":"AAAA"}"#))
        #expect(keys["a"] == nil)
        #expect(keys.isEmpty)
    }

    @Test("a set without a key is one in which no key is known (I13)") func emptySet() throws {
        defer { signer.remove() }
        for document in [#"{"keys":[]}"#, #"{"keys":[7,{}]}"#] {
            #expect(try WebhookKeySet(jwks: Array(document.utf8)).isEmpty)
        }
    }

    @Test("an oversized set is none (S38)")
    func S38oversized() throws {
        defer { signer.remove() }
        let good = try signer.jwk("good")
        _ = try WebhookKeySet(jwks: set(good))
        let blanks = [UInt8](repeating: 32, count: WebhookKeySet.longest)
        let many = Array(repeating: "7", count: 100).joined(separator: ",")
        for odd in [set(good) + blanks, set(good, many), [], Array("{}".utf8), Array("<html>".utf8)] {
            #expect(throws: JSONWebKeySet.Malformed.self, "\(odd.count) bytes") { try WebhookKeySet(jwks: odd) }
        }
    }

    @Test func `ids are compared as bytes`() throws {
        defer { signer.remove() }
        // One text in two spellings: precomposed and decomposed.
        let keys = try WebhookKeySet(jwks: set(try signer.jwk("\u{e9}")))
        #expect(keys["\u{e9}"] != nil)
        #expect(keys["e\u{301}"] == nil)
    }
}
