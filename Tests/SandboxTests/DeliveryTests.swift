import Foundation
import Testing

@testable import Sandbox

/// When events are sent, and when again (upstream.md §5.3).
@Suite struct DeliveryTests {
    static let start = Date(timeIntervalSince1970: 1_800_000_000)

    /// Deliveries that an expectation may change.
    private final class Sender {
        var deliveries: Deliveries

        init(_ change: (inout Sandbox.DeliverySettings) -> Void = { _ in }) {
            var settings = Sandbox.DeliverySettings()
            settings.url = "http://127.0.0.1:1/"
            change(&settings)
            deliveries = Deliveries(settings)
        }

        func take(at seconds: TimeInterval) -> [Int] { deliveries.take(at: start + seconds).map(\.number) }
        func resend(_ event: String, at seconds: TimeInterval) -> Bool { deliveries.resend(event, at: start + seconds) }
    }

    private func event(_ number: Int, at seconds: TimeInterval = 0) -> World.Event {
        World.Event(
            id: "evt_\(number)", scope: Scope(account: "acc_1", live: false), type: "a.b", data: [:],
            version: "2025-09-14.anode", created: Self.start + seconds)
    }

    /// When attempts are made that take two seconds and fail, in seconds after the event.
    private func attempts(_ sender: Sender) -> [TimeInterval] {
        var deliveries = sender.deliveries
        deliveries.add(event(1))
        var times: [TimeInterval] = []
        for second in stride(from: 0.0, through: 200_000, by: 1) {
            for (number, _) in deliveries.take(at: Self.start + second) {
                times.append(second)
                deliveries.ended(number, .init(at: Self.start + second + 2, status: 500, milliseconds: 2000))
            }
        }
        return times
    }

    @Test("upstream.md §5.3: at once, then after 30 s, 1, 6, 12 and 24 hours, and then not any more")
    func cumulative() {
        #expect(attempts(Sender()) == [0, 30, 3600, 21600, 43200, 86400])
        #expect(attempts(Sender { $0.delay = 600 }) == [600, 630, 4200, 22200, 43800, 87000])
    }

    @Test("upstream.md §5.3: the other reading of the table: each from the attempt before")
    func fromTheLast() {
        #expect(attempts(Sender { $0.isCumulative = false }) == [0, 32, 3634, 25236, 68438, 154840])
    }

    @Test func `a 2xx ends it, until it is sent again by hand`() {
        let sender = Sender()
        sender.deliveries.add(event(1))
        #expect(sender.take(at: 0) == [0])
        #expect(sender.take(at: 0) == [], "it is under way")
        sender.deliveries.ended(0, .init(at: Self.start, status: 204, milliseconds: 1))
        #expect(sender.take(at: 1e6) == [])
        #expect(sender.deliveries.all[0].isDelivered)
        #expect(sender.resend("evt_1", at: 9))
        #expect(sender.resend("evt_2", at: 9) == false)
        #expect(sender.take(at: 9) == [0])
        #expect(sender.deliveries.summary["delivered"] == .int(1))
    }

    @Test func `what is held goes out at once, reversed if so set, and no more than a few at a time`() {
        let sender = Sender { $0.isHeld = true }
        for number in 0..<40 { sender.deliveries.add(event(number, at: Double(number))) }
        #expect(sender.take(at: 100) == [])
        sender.deliveries.settings.isHeld = false
        sender.deliveries.settings.isReordered = true
        let taken = sender.take(at: 100)
        #expect(taken == (8..<40).reversed())
        #expect(sender.take(at: 100) == [])
        for number in taken { sender.deliveries.ended(number, .init(at: Self.start, status: 200, milliseconds: 1)) }
        #expect(sender.take(at: 100) == (0..<8).reversed())
    }

    @Test func `without an address nothing is kept for delivery`() {
        var deliveries = Deliveries(Sandbox.DeliverySettings())
        deliveries.add(event(1))
        #expect(deliveries.all.isEmpty)
    }

    @Test func `keys: one for a start, a new one beside it, or in its place`() throws {
        let keys = WebhookKeys(id: "abc")
        let ids = { try keys.keySet()["keys"]?.array?.compactMap { $0["kid"]?.string } ?? [] }
        #expect(try ids() == ["wsk_test_abc"])
        #expect(try keys.sign([1], live: false).keyID == "wsk_test_abc")
        #expect(try keys.sign([1], live: true).keyID == "wsk_live_abc_1")
        try keys.rotate(retiring: false)
        #expect(try ids().count == 4)
        let newest = try keys.sign([1], live: false).keyID
        #expect(newest != "wsk_test_abc")
        #expect(newest.hasPrefix("wsk_test_"))
        try keys.rotate(retiring: true)
        #expect(try ids().count == 2)
        #expect(try !ids().contains(newest))
    }

    @Test(
        arguments: [
            ("http://127.0.0.1:8080/v1/webhooks", "127.0.0.1", 8080, "/v1/webhooks"), ("http://a", "a", 80, "/"),
            ("http://a:1/b?c=d", "a", 1, "/b?c=d"),
        ])
    func `an address is read`(url: String, host: String, port: Int, path: String) throws {
        let address = try #require(DeliveryClient.Address(url))
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.path == path)
    }

    @Test(arguments: ["https://a/", "http://", "http://a:0/", "http://a:x/", "http://a:1:2/", "a", ""])
    func `an address that cannot be used is refused`(url: String) {
        #expect(DeliveryClient.Address(url) == nil)
    }
}
