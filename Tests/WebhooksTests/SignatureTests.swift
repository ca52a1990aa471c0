import Core
import Foundation
import Keys
import TestSupport
import Testing

@testable import Webhooks

/// Deliveries that the `openssl` program signed, good and bad.
@Suite(.serialized) struct SignatureTests {
    static let now = Date(timeIntervalSince1970: 1_776_847_880)
    static let body = Array(#"{"id":"evt_1","type":"location.update","data":{"id":"loc_1"}}"#.utf8)
    let signer: OpenSSLSigner
    let key: VerificationKey

    init() throws {
        signer = try OpenSSLSigner()
        key = try #require(VerificationKey(modulus: try signer.modulus(), exponent: [1, 0, 1], algorithm: .ps256))
    }

    private func signature(
        of body: [UInt8] = body, at timestamp: String = "1776847880", _ recipe: OpenSSLSigner.Recipe = .init()
    ) throws -> [UInt8] {
        try signer.sign(Array("\(timestamp).".utf8) + body, recipe)
    }

    /// What is made of a delivery, in a word.
    private func verdict(
        _ signatures: [String], timestamps: [String] = ["1776847880"], keyIDs: [String] = ["k"], body: [UInt8] = body,
        at arrival: Date = now
    ) -> String {
        let delivery = SignedDelivery(signatures: signatures, timestamps: timestamps, keyIDs: keyIDs, body: body)
        do throws(SignedDelivery.Flaw) {
            let signed = try delivery.verify(at: arrival) { $0 == "k" ? key : nil }
            return signed.isLate ? "late" : "good"
        } catch {
            return error.rawValue
        }
    }

    @Test("the bytes are judged as they came: a flipped byte, written anew, a newline more (S41)")
    func S41() throws {
        defer { signer.remove() }
        let good = "v1=" + base64URL(try signature())
        #expect(verdict([good]) == "good")
        for index in Self.body.indices {
            var flipped = Self.body
            flipped[index] ^= 1
            #expect(verdict([good], body: flipped) == "wrong_signature", "\(index)")
        }
        let anew = try JSONSerialization.data(
            withJSONObject: JSONSerialization.jsonObject(with: Data(Self.body)), options: .sortedKeys)
        for other in [Array(anew), Self.body + [10], [10] + Self.body, [], Array("null".utf8)] {
            #expect(verdict([good], body: other) == "wrong_signature")
        }
        // What was signed need not even be JSON.
        let odd: [UInt8] = [0, 255, 10]
        #expect(verdict(["v1=" + base64URL(try signature(of: odd))], body: odd) == "good")
    }

    @Test("one header in one form; none, several, other forms, other encodings are refused (S42)")
    func S42() throws {
        defer { signer.remove() }
        let raw = try signature()
        let encoded = base64URL(raw), good = "v1=" + encoded
        let standard = Data(raw).base64EncodedString()
        #expect(verdict([good]) == "good")
        for headers in [["none"], [], [good, good], [good, "none"], ["none", good]] {
            #expect(verdict(headers) == "unsigned", "\(headers.count)")
        }
        for text in [
            "", encoded, "v1=", "v2=" + encoded, "V1=" + encoded, "v1 =" + encoded, "v1= " + encoded, good + " ",
            good + "=", good + "==", "v1=" + standard, "v1=" + standard.replacing("=", with: ""),
            good + ",v1=" + encoded,
            "sha256=" + encoded, "v1=" + String(repeating: "A", count: 4096), "none ", "NONE",
        ] where text != good {
            #expect(verdict([text]) == "malformed", "\(text.prefix(20))")
        }
        for text in ["v1=AAAA", "v1=none", good.dropLast() + "A", "v1=" + String(encoded.reversed())].map({ "\($0)" })
        where text != good {
            #expect(["wrong_signature", "malformed"].contains(verdict([text])))
        }
        for (timestamps, keyIDs) in [([], ["k"]), (["1776847880", "1776847880"], ["k"]), (["1776847880"], [])] {
            #expect(verdict([good], timestamps: timestamps, keyIDs: keyIDs) == "unsigned")
        }
        #expect(verdict([good], keyIDs: ["k", "k"]) == "unsigned")
        #expect(verdict([good], keyIDs: [""]) == "unknown_key")
        #expect(verdict([good], keyIDs: ["K"]) == "unknown_key")
    }

    @Test(
        "PKCS#1 v1.5, another hash, another salt length: refused (S42)",
        arguments: [
            OpenSSLSigner.Recipe(padding: "pkcs1"), .init(salt: 20), .init(salt: 64), .init(salt: 222),
            .init(digest: "sha512", mask: "sha512"), .init(mask: "sha1"),
        ])
    func S42ways(recipe: OpenSSLSigner.Recipe) throws {
        defer { signer.remove() }
        #expect(verdict(["v1=" + base64URL(try signature(recipe))]) == "wrong_signature")
    }

    private func signature(_ recipe: OpenSSLSigner.Recipe) throws -> [UInt8] {
        try signature(of: Self.body, at: "1776847880", recipe)
    }

    @Test("the signature of another key is refused (S42)")
    func S42key() throws {
        defer { signer.remove() }
        let other = try OpenSSLSigner()
        defer { other.remove() }
        let signature = try other.sign(Array("1776847880.".utf8) + Self.body)
        #expect(verdict(["v1=" + base64URL(signature)]) == "wrong_signature")
    }

    @Test("digits only, five minutes both ways as of arrival, late for two days, never from the future (S43)")
    func S43() throws {
        defer { signer.remove() }
        let good = "v1=" + base64URL(try signature())
        for (seconds, expected) in [
            (0.0, "good"), (300, "good"), (300.5, "late"), (-300, "good"), (-300.5, "from_future"),
            (48 * 3600, "late"), (48 * 3600 + 1, "too_old"), (-86400, "from_future"),
        ] {
            #expect(verdict([good], at: Self.now + seconds) == expected, "\(seconds)")
        }
        for text in [
            "123abc", "1776847880 ", " 1776847880", "+1776847880", "-1776847880", "1776847880.0", "0x69e8d0c8", "",
            "1776847880000000", "١٧٧٦٨٤٧٨٨٠", "1e9",
        ] {
            let signature = "v1=" + base64URL(try signature(at: text))
            #expect(verdict([signature], timestamps: [text]) == "malformed", "\(text)")
        }
        // Another moment than the one that was signed, within the window.
        #expect(verdict([good], timestamps: ["1776847881"]) == "wrong_signature")
        // The same number in another spelling is other bytes.
        #expect(verdict([good], timestamps: ["01776847880"]) == "wrong_signature")
    }
}
