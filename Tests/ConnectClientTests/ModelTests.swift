import Foundation
import Testing

@testable import ConnectClient

@Suite struct ModelTests {
    private func session(_ more: String) throws -> ConnectClient.Session {
        let json = #"""
            {"id":"cs_1","object":"connect_session","direction":"IMPORT","type":"COMMODITY","live_mode":false,
            "created_at":"2026-11-23T02:44:06Z","expires_at":"2026-11-24T02:44:06.250Z"\#(more)}
            """#
        return try Coding.decoder().decode(ConnectClient.Session.self, from: Data(json.utf8))
    }

    @Test(
        "knows when a session is final",
        arguments: [
            (#","state":"connected","ended_at":"2026-11-23T03:00:00Z""#, true),
            (#","state":"connected","confirmed":true,"ended_at":"2026-11-23T03:00:00Z""#, true),
            (#","state":"connected","confirmed":false,"ended_at":"2026-11-23T03:00:00Z""#, false),
            (#","state":"failed","confirmed":false,"reason":"foreign_tab","ended_at":"2026-11-23T03:00:00Z""#, true),
            (#","state":"failed","confirmed":false,"ended_at":"2026-11-23T03:00:00Z""#, false),
            (#","state":"disconnected","ended_at":"2026-11-23T03:00:00Z""#, true),
            (#","state":"expired","confirmed":false,"ended_at":"2026-11-23T03:00:00Z""#, true),
            (#","state":"connected""#, false),
            (#","state":"pending","ended_at":"2026-11-23T03:00:00Z""#, false),
            (#","state":"abandoned","ended_at":"2026-11-23T03:00:00Z""#, false),
            (#","state":"hibernating","ended_at":"2026-11-23T03:00:00Z""#, false),
        ])
    func final(_ more: String, _ isFinal: Bool) throws {
        #expect(try session(more).isFinal == isFinal)
    }

    @Test func `keeps values that it does not know`() throws {
        let session = try session(#","state":"hibernating","added":{"a":[1,null]},"reason":"too_cold""#)
        #expect(session.state == "hibernating" && session.reason == "too_cold" && session.endedAt == nil)
        #expect(session.expiresAt.timeIntervalSince(session.createdAt) == 86_400.25)
    }

    @Test func `passes over what is no place for a tariff`() throws {
        let json = #"{"tariff_status":{"local":{"status":"CONNECTED ","tariff":{"a":1}},"added":"x","more":null}}"#
        let status = try JSONDecoder().decode(ConnectClient.LocationStatus.self, from: Data(json.utf8))
        #expect(status.tariffStatus.keys.sorted() == ["local"])
        #expect(status.tariffStatus["local"]?.tariff == ["a": .number(1)])
    }

    @Test func `sends the names of the contract, and leaves out what is not known`() throws {
        let record = ConnectClient.MeterRecord(
            units: "KWH", value: 2, startTime: Date(timeIntervalSince1970: 0),
            endTime: Date(timeIntervalSince1970: 0.5), sessionReferenceID: "charge-1")
        let sent = try JSONDecoder().decode(ConnectClient.JSONObject.self, from: Coding.encode(record))
        #expect(
            sent == [
                "units": .string("KWH"), "value": .number(2), "start_time": .string("1970-01-01T00:00:00Z"),
                "end_time": .string("1970-01-01T00:00:00.500Z"), "session_reference_id": .string("charge-1"),
            ])
        #expect(try Coding.encode(ConnectClient.MintRequest()) == Data("{}".utf8))
    }

    @Test func `writes paths and queries percent-encoded`() {
        let call = Call("GET", "a/../b", "ü", query: [("x", "1+1=2&"), ("y", nil)])
        #expect(call.path == "/v1/a%2F..%2Fb/%C3%BC" && call.query == "x=1%2B1%3D2%26")
        #expect(Call("GET", "a").query == nil)
    }

    @Test(
        "reads the end of the page",
        arguments: [
            ("myapp://tariff/done?session=cs_1&status=connected&code=abc", "cs_1 connected abc"),
            ("https://app.example/x?a=b&session=cs_1&status=pending#f", "cs_1 pending -"),
            // The service appends to the app's own query.
            ("myapp://x?code=own&session=own&status=own&session=cs_1&status=failed&code=abc", "cs_1 failed abc"),
            ("myapp://x?code=own&status=own&session=cs_1&status=failed", "cs_1 failed -"),
            ("myapp://x?code=own&session=cs_1&status=failed&code=a%2Bb", "cs_1 failed a+b"),
            ("myapp://tariff/done?status=connected", nil), ("myapp://tariff/done", nil),
            ("myapp://x?session=cs_1&status=connected&session=&status=failed", nil),
            ("myapp://x?session=..%2F..&status=failed", nil), ("myapp://x?session=..&status=failed", nil),
            ("myapp://x?session=cs_\(String(repeating: "1", count: 62))&status=failed", nil),
            ("myapp://x?session=cs_%C3%A9&status=failed", nil), ("myapp://x?status=failed&session=cs_1", nil),
        ])
    func readsReturnURL(_ text: String, _ expected: String?) throws {
        let result = ConnectResult(returnURL: try #require(URL(string: text)))
        #expect(result.map { "\($0.session) \($0.status.rawValue) \($0.code ?? "-")" } == expected)
    }

    @Test(
        "reads the message of the page in a web view",
        arguments: [
            (#"{"type":"connect-bff","session":"cs_1","status":"connected","code":"abc","x":1}"#, "cs_1 connected abc"),
            (#"{"type":"connect-bff","session":"cs_1","status":"abandoned"}"#, "cs_1 abandoned -"),
            (#"{"type":"other","session":"cs_1","status":"connected"}"#, nil), ("connected", nil), ("", nil),
            (#"{"type":"connect-bff","session":"..","status":"connected"}"#, nil),
        ])
    func readsMessage(_ text: String, _ expected: String?) {
        let result = ConnectResult(message: text)
        #expect(result.map { "\($0.session) \($0.status.rawValue) \($0.code ?? "-")" } == expected)
    }
}
