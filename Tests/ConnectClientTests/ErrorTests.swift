import Foundation
import Testing

@testable import ConnectClient

@Suite struct ErrorTests {
    private let head = AnswerHead(status: 429, headers: ["x-request-id": "req_1", "retry-after": "7"])

    @Test func `reads a problem`() {
        let body =
            #"{"type":"t","title":"T","status":1,"detail":"Wait.","code":"rate_limited","request_id":"req_2","x":[]}"#
        let error = ConnectError(head, body: Data(body.utf8))
        #expect(error.code == .rateLimited && error.status == 429 && error.detail == "Wait.")
        #expect(error.requestID == "req_2" && error.retryAfter == 7)
        #expect(error.description == "rate_limited (429), Wait., request req_2")
    }

    @Test func `keeps a code that it does not know`() {
        let error = ConnectError(head, body: Data(#"{"code":"teapot_required"}"#.utf8))
        #expect(error.code == "teapot_required" && error.requestID == "req_1")
    }

    @Test(
        "calls an error that is not the service's an invalid answer",
        arguments: ["<html>Bad Gateway</html>", "", "[]", "{}", #"{"code":7}"#])
    func readsOthers(_ body: String) {
        let error = ConnectError(head, body: Data(body.utf8))
        #expect(error.code == .invalidAnswer && error.status == 429 && error.requestID == "req_1")
    }

    @Test(
        "reads Retry-After in seconds",
        arguments: [("0", 0), ("15", 15), ("-1", nil), ("soon", nil), ("99999999999999", nil)]
            as [(String, TimeInterval?)])
    func readsRetryAfter(_ text: String, _ seconds: TimeInterval?) {
        #expect(AnswerHead(status: 503, headers: ["retry-after": text]).retryAfter == seconds)
    }

    @Test func `prints no token, launch URL or code`() throws {
        let json = #"""
            {"id":"cs_1","state":"created","connect_token":"cot_secret","launch_url":"https://a.example/connect#ticket=secret",
            "expires_at":"2026-11-24T02:44:06Z","live_mode":false}
            """#
        let minted = try Coding.decoder().decode(ConnectClient.MintedSession.self, from: Data(json.utf8))
        let link = try #require(URL(string: "myapp://done?session=cs_1&status=connected&code=secret"))
        let result = try #require(ConnectResult(returnURL: link))
        #expect(minted.connectToken == "cot_secret" && result.code == "secret")
        var text = "\(minted) \(String(reflecting: minted)) \(result) \(String(reflecting: result)) \([minted: result])"
        dump(minted, to: &text)
        dump(result, to: &text)
        #expect(!text.contains("secret") && text.contains("cs_1"))
    }
}
