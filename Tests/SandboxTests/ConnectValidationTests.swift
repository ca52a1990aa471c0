import Testing

@testable import Sandbox

/// Each validation code of upstream.md §4.4, as the error object of §4.5.
@Suite struct ConnectValidationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let route: ConnectRoute
        let code: String
        let data: JSON

        init(_ route: ConnectRoute, _ code: String, _ data: JSON) {
            (self.route, self.code, self.data) = (route, code, data)
        }

        var testDescription: String { "upstream.md §4.4 \(route.rawValue): \(code)" }
    }

    private static func address(_ changes: [String: JSON]) -> JSON {
        ["postal_address": Sample.address["postal_address"]?.merging(changes) ?? .null]
    }

    static let cases: [Case] = [
        Case(.postalAddressCapture, "address_line1_missing", address(["address_line1": ""])),
        Case(.postalAddressCapture, "city_missing", address(["city": .null])),
        Case(.postalAddressCapture, "post_code_missing", address(["post_code": ""])),
        Case(.postalAddressCapture, "country_code_missing", address(["country_code": ""])),
        Case(.postalAddressCapture, "country_code_invalid", address(["country_code": "GBR"])),
        Case(.postalAddressCapture, "geo_location_not_found", address(["country_code": "AQ"])),
        Case(.postalAddressCapture, "geo_location_not_found", address(["post_code": "00000"])),
        Case(.postalAddressCapture, "data_json_invalid", address(["city": 7])),
        Case(.postalAddressCapture, "data_json_invalid", [:]),
        Case(.providerSelect, "provider_id_missing", ["provider": [:]]),
        Case(.providerSelect, "provider_id_missing", [:]),
        Case(.providerSelect, "provider_not_found", ["provider": ["id": "prv_000000000000000000000000"]]),
        Case(.providerSelect, "provider_id_invalid", ["provider": ["id": "prv_5a4db0c5000000000000de01"]]),
        Case(.providerSelect, "data_json_invalid", ["provider": "prv_1"]),
        Case(.providerNameCapture, "provider_name_missing", ["provider": ["name": "  "]]),
        Case(.providerNameCapture, "data_json_invalid", ["provider": ["name": 3]]),
        Case(.tariffSelect, "tariff_id_missing", ["tariff": ["id": ""]]),
        Case(.tariffSelect, "tariff_not_found", ["tariff": ["id": "trt_000000000000000000000000"]]),
        Case(.tariffSelect, "tariff_id_invalid", ["tariff": ["id": "trt_5a4db0c50000000000000005"]]),
        Case(.tariffSelect, "data_json_invalid", ["tariff": []]),
        Case(.tariffStructureSelect, "option_invalid", ["options": ["FIXED", "MARKET"]]),
        Case(.tariffStructureSelect, "option_invalid", ["options": []]),
        Case(.tariffStructureSelect, "option_not_supported", ["options": ["ADVANCED"]]),
        Case(.tariffStructureSelect, "option_not_supported", ["options": ["FREE"]]),
        Case(.tariffStructureSelect, "data_json_invalid", ["options": "FIXED"]),
        Case(.rateFixedCapture, "cost_value_zero", ["cost": 0]),
        Case(.rateFixedCapture, "cost_value_negative", ["cost": -0.1]),
        Case(.rateFixedCapture, "data_json_invalid", ["cost": "0.2"]),
        Case(.rateTODCapture, "cost_value_zero", Sample.hours((0, "00:00", "00:00"))),
        Case(.rateTODCapture, "cost_value_negative", Sample.hours((-1, "00:00", "00:00"))),
        Case(.rateTODCapture, "valid_from_invalid", Sample.hours((0.1, "24:00", "00:00"))),
        Case(.rateTODCapture, "valid_to_invalid", Sample.hours((0.1, "00:00", "7:00"))),
        Case(.rateTODCapture, "gap_in_time_period", Sample.hours((0.1, "00:00", "07:00"), (0.3, "08:00", "00:00"))),
        Case(.rateTODCapture, "incomplete_time_period", Sample.hours((0.1, "00:00", "07:00"), (0.3, "07:00", "22:00"))),
        Case(.rateTODCapture, "incomplete_time_period", Sample.hours((0.1, "00:00", "08:00"), (0.3, "07:00", "00:00"))),
        Case(.rateTODCapture, "incomplete_time_period", ["hours": []]),
        Case(.rateTODCapture, "data_json_invalid", ["hours": [["valid_from": "00:00:00"]]]),
        Case(.rateAdvancedCapture, "data_json_invalid", ["tariff": ["schedule": []]]),
        Case(.rateAdvancedCapture, "data_json_invalid", ["tariff": ["schedule": [["months": ["All"]]]]]),
        Case(.regionSelect, "data_json_invalid", ["region": "GB"]),
        Case(.surchargeCapture, "surcharge_percentage_invalid", ["surcharge": ["fixed": 0, "percentage": -1]]),
        Case(.surchargeCapture, "data_json_invalid", ["surcharge": ["fixed": 0]]),
        Case(.tariffNameCapture, "tariff_name_missing", ["tariff": ["name": ""]]),
        Case(.tariffNameCapture, "data_json_invalid", ["tariff": "Mine"]),
        Case(.contractTermCapture, "date_format_invalid", ["contract_start_date": "01/02/2026"]),
        Case(.contractTermCapture, "data_json_invalid", ["contract_term_type": "FOREVER"]),
        Case(.tariffSummary, "action_missing", [:]),
    ]

    @Test("Validation codes", arguments: cases)
    func code(_ each: Case) {
        var emulation = Emulation.at(each.route)
        let reply = emulation.submit(each.data)
        #expect(reply.status == 400)
        #expect(reply.code == each.code)
        #expect(reply.body["object"] == "error")
        #expect(reply.body["type"] == "invalid_request")
        #expect(reply.body["context"] == .string("connect." + each.route.rawValue))
        #expect(reply.body["connect_token"] == .string(emulation.token))
        #expect(reply.body["time_created"] == "2026-07-01T10:00:00.000")
        #expect(reply.body["request_id"]?.string?.hasPrefix("req_") == true)
        #expect(emulation.route == each.route.rawValue, "a refusal moves nothing")
    }

    @Test(
        "upstream.md §4.4: action_missing and action_invalid on the outcome pages",
        arguments: [
            ConnectionState.connected, .pending, .failed,
        ])
    func outcomeActions(_ state: ConnectionState) {
        var emulation = Emulation.afterLogin(state)
        _ = emulation.start()
        #expect(emulation.submit(["cost": 1]).code == "action_missing")
        #expect(emulation.act("SAVE").code == "action_invalid")
    }

    @Test("upstream.md §4.4: an action of another page is action_invalid", arguments: ConnectRoute.walkable)
    func foreignAction(_ route: ConnectRoute) {
        var emulation = Emulation.at(route)
        #expect(emulation.act("RECONNECT").code == "action_invalid")
        #expect(emulation.route == route.rawValue)
    }

    private static let brokenEnvelopes: [(JSON, Int, String)] = [
        ([:], 400, "connect_token_missing"), (["connect_token": ""], 400, "connect_token_missing"),
        (["connect_token": "cot_unknown", "route": "session_start"], 404, "connect_token_not_found"),
        (["connect_token": 5], 400, "data_json_invalid"), (["a", "b"], 400, "data_json_invalid"),
    ]

    @Test("upstream.md §4.1: a request that names no session or no page", arguments: brokenEnvelopes)
    func envelope(_ body: JSON, _ status: Int, _ code: String) {
        var emulation = Emulation()
        let reply = emulation.connect(body)
        #expect(reply.status == status)
        #expect(reply.code == code)
        #expect(reply.body["context"] == "connect")
    }

    @Test("upstream.md §4.1: the route must be the page being answered")
    func wrongRoute() {
        var emulation = Emulation.at(.providerSelect)
        let token = JSON.string(emulation.token)
        #expect(
            emulation.connect(["connect_token": token, "route": "tariff_summary", "action": "EDIT"]).code
                == "route_invalid")
        #expect(emulation.connect(["connect_token": token]).code == "route_missing")
        _ = emulation.mint()
        #expect(
            emulation.connect(["connect_token": .string(emulation.token), "route": "provider_select"]).code
                == "route_invalid")
    }
}
