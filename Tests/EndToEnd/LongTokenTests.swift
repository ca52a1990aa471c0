import Foundation
import TestSupport
import Testing

/// Tokens of identity providers that hold a user's groups, and have no `kid`.
@Suite(.serialized) struct LongTokenTests {
    private let signer: OpenSSLSigner

    init() throws {
        signer = try OpenSSLSigner()
    }

    private func token(of length: Int) throws -> String {
        let head = base64URL(#"{"alg":"PS256"}"#.utf8)
        let claims = { (groups: Int) in
            let end = Int(Date().timeIntervalSince1970) + 600
            return
                #"{"iss":"https://id.example","aud":"bff","sub":"alice","exp":\#(end),"groups":"\#(String(repeating: "g", count: groups))"}"#
        }
        // The signature has 256 bytes.
        let frame = head.utf8.count + base64URL(claims(0).utf8).utf8.count + 344
        let signed = head + "." + base64URL(claims((length - frame) / 4 * 3).utf8)
        return try signed + "." + base64URL(signer.sign(Array(signed.utf8)))
    }

    private func settings(_ more: [String: String] = [:]) throws -> [String: String] {
        let path = FileManager.default.temporaryDirectory.appending(path: "bff-jwks-\(UUID()).json").path
        let jwk = try signer.jwk("x").replacing(#""kid":"x","#, with: "")
        _ = FileManager.default.createFile(
            atPath: path, contents: Data(#"{"keys":[\#(jwk)]}"#.utf8), attributes: [.posixPermissions: 0o600])
        return [
            "BFF_AUTH": "jwt,service", "BFF_JWT_ISSUER": "https://id.example", "BFF_JWT_AUDIENCE": "bff",
            "BFF_JWT_JWKS_FILE": path,
        ].merging(more) { $1 }
    }

    @Test func `a token of up to 16 KiB less the other fields is taken; a longer one is refused with the limit`()
        async throws
    {
        defer { signer.remove() }
        try await ServeProcess.run(try settings()) { serve in
            for length in [600, 8 << 10, 9 << 10, 12 << 10, 15 << 10, (16 << 10) - 400] {
                let bearer = [("authorization", "Bearer \(try token(of: length))")]
                let answer = try await HTTP.send("GET", "\(serve.url)/v1/locations", headers: bearer)
                #expect(answer.status == 200, "\(length): \(answer.text)")
                let minted = try await HTTP.send(
                    "POST", "\(serve.url)/v1/connect/sessions",
                    headers: bearer + [("content-type", "application/json")], body: Array("{}".utf8))
                #expect(minted.status == 201, "\(length): \(minted.text)")
            }
            for length in [17 << 10, 40 << 10] {
                let answer = try await HTTP.send(
                    "GET", "\(serve.url)/v1/locations", headers: [("authorization", "Bearer \(try token(of: length))")])
                #expect(answer.status == 431)
                #expect(try answer.json["code"] == "headers_too_large")
                #expect(try answer.json["detail"]?.text?.contains("16 KiB") == true)
            }
        }
    }

    @Test(arguments: Front.Kind.allCases)
    func `such a token passes the proxies' files`(kind: Front.Kind) async throws {
        defer { signer.remove() }
        let settings = try settings([
            "BFF_PUBLIC_URL": "https://app.example.com", "BFF_ALLOWED_HOSTS": "app.example.com,127.0.0.1",
        ])
        try await ServeProcess.run(settings) { serve in
            try await Front.run(kind, .sameOrigin, before: serve.port) { front in
                for length in [9 << 10, 15 << 10] {
                    let answer = try await front.send(
                        "GET", "\(front.service(.sameOrigin))/v1/locations",
                        headers: [("authorization", "Bearer \(try token(of: length))")])
                    #expect(answer.status == 200, "\(length): \(answer.text)")
                }
            }
        }
    }
}
