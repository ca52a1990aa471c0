import Core
import Flatpeak
import Networking
import Testing

@testable import Sessions

@Suite struct MintRequestTests {
    static let settings = SessionSettings(
        callbackURL: "https://bff.example/v1/connect/callback",
        apps: [
            .init(name: "web", url: "https://connect.example"), .init(name: "ios", url: "myapp://connect"),
            .init(hostedAt: "https://bff.example"),
        ],
        returnURLs: ["https://app.example/done", "myapp://tariff/done?x=1"])

    private func order(_ body: String) throws(BFFError) -> (order: MintOrder, returnURL: String?) {
        let (order, returnURL, _) = try MintRequest.read(Array(body.utf8)).order(under: Self.settings)
        return (order, returnURL)
    }

    @Test func `URLs come from settings`() throws {
        let (order, returnURL) = try order("{}")
        #expect(order == MintOrder(connectURL: "https://connect.example", callbackURL: Self.settings.callbackURL))
        #expect(returnURL == "https://app.example/done")
    }

    @Test func `decodes every field of the mint`() throws {
        let (order, returnURL) = try order(
            #"{"direction":"EXPORT","type":"NON_COMMODITY","location_id":"loc_1","action":"edit","app":"ios","#
                + #""tariff_id":"trf_1","postal_address_type":"COMMERCIAL","#
                + #""return_url":"myapp://tariff/done?x=1","options":{"contract_term_capture":true},"#
                + #""postal_address":{"city":"London","country_code":"GB"}}"#)
        #expect(
            order
                == MintOrder(
                    connectURL: "myapp://connect", callbackURL: Self.settings.callbackURL, direction: .exporting,
                    type: .nonCommodity, location: LocationID("loc_1"), tariff: TariffID("trf_1"), action: .edit,
                    routeOptions: RouteOptions(contract_term_capture: true), postalAddressType: .commercial,
                    postalAddress: PostalAddress(city: "London", country_code: "GB")))
        #expect(returnURL == "myapp://tariff/done?x=1")
    }

    @Test(
        "fields of Flatpeak's that are not the client's to set do not exist (S10)",
        arguments: [
            "callback_url", "connect_url", "customer_id", "customer_reference_id", "location_reference_id",
            "anything", "postal_address.line3", "options.x",
        ])
    func S10(field: String) {
        let parts = field.split(separator: ".")
        let body = parts.reversed().reduce("1") { inner, name in #"{"\#(name)":\#(inner)}"# }
        #expect(throws: BFFError.unknownField(.init(field))) { try order(body) }
    }

    @Test(
        "only listed values, lengths and shapes (S11)",
        arguments: [
            (#"{"direction":"import"}"#, "direction", BFFError.Reason.notListed),
            (#"{"direction":"local"}"#, "direction", .notListed), (#"{"direction":1}"#, "direction", .wrongType),
            (#"{"direction":null}"#, "direction", .wrongType), (#"{"type":"GAS"}"#, "type", .notListed),
            (#"{"action":"delete","location_id":"loc_1"}"#, "action", .notListed),
            (#"{"action":"edit"}"#, "location_id", .missing), (#"{"location_id":"../x"}"#, "location_id", .malformed),
            (#"{"tariff_id":"trf_1"}"#, "location_id", .missing),
            (#"{"tariff_id":"a/b","location_id":"loc_1"}"#, "tariff_id", .malformed),
            (#"{"tariff_id":1,"location_id":"loc_1"}"#, "tariff_id", .wrongType),
            (#"{"postal_address_type":"HOUSE"}"#, "postal_address_type", .notListed),
            (#"{"postal_address_type":1}"#, "postal_address_type", .wrongType),
            (#"{"app":"android"}"#, "app", .notListed), (#"{"app":"Page"}"#, "app", .notListed),
            (#"{"language":"it"}"#, "language", .notListed), (#"{"language":"DE"}"#, "language", .notListed),
            (#"{"language":"de-AT"}"#, "language", .notListed), (#"{"language":""}"#, "language", .notListed),
            (#"{"language":1}"#, "language", .wrongType), (#"{"language":null}"#, "language", .wrongType),
            (#"{"options":{"shell":1}}"#, "options.shell", .wrongType),
            (#"{"options":{"shell":null}}"#, "options.shell", .wrongType),
            (#"{"return_url":"https://app.example/done/"}"#, "return_url", .notListed),
            (#"{"return_url":"https://evil.example"}"#, "return_url", .notListed),
            (#"{"options":{"contract_term_capture":"yes"}}"#, "options.contract_term_capture", .wrongType),
            (#"{"options":[]}"#, "options", .wrongType),
            (#"{"postal_address":{"country_code":"gb"}}"#, "postal_address.country_code", .malformed),
            (#"{"postal_address":{"city":"\#(String(repeating: "x", count: 201))"}}"#, "postal_address.city", .tooLong),
        ])
    func S11(body: String, field: String, reason: BFFError.Reason) {
        #expect(throws: BFFError.invalidField(.init(field), reason: reason)) { try order(body) }
    }

    @Test(arguments: ["", "[]", "null", "{", #"{"app":"\ud800""#, "{} {}"])
    func `a body that is not one JSON object`(body: String) {
        #expect(throws: BFFError.malformedJSON) { try order(body) }
    }

    @Test func `query items go before a fragment and after a query`() {
        let items = [(name: "a", value: "1"), (name: "b", value: "2")]
        #expect(URLQuery.adding(items, to: "https://x.example") == "https://x.example/?a=1&b=2")
        #expect(URLQuery.adding(items, to: "https://x.example/done") == "https://x.example/done?a=1&b=2")
        #expect(URLQuery.adding(items, to: "myapp://connect") == "myapp://connect?a=1&b=2")
        #expect(URLQuery.adding(items, to: "myapp://done?x=1#top") == "myapp://done?x=1&a=1&b=2#top")
    }
}
