import Core
import Flatpeak
import Foundation
import Sessions
import TestSupport
import Testing

@testable import Webhooks

/// Flatpeak's whole schedule of retries (upstream.md §5.3), in virtual time.
@Suite struct RetryScheduleTests {
    /// How the documents can be read, where they are not clear.
    struct Reading: CustomTestStringConvertible, Sendable {
        /// The times count from the first attempt; else each from the one before.
        let isCumulative: Bool
        /// Each attempt has a signature of its own; else all have the first one's.
        let isResigned: Bool
        var testDescription: String { "cumulative: \(isCumulative), re-signed: \(isResigned)" }

        static let all = [true, false].flatMap { cumulative in
            [true, false].map { Reading(isCumulative: cumulative, isResigned: $0) }
        }

        /// When the attempts are, in seconds after the event.
        var attempts: [TimeInterval] {
            let times: [TimeInterval] = [0, 30, 3600, 6 * 3600, 12 * 3600, 24 * 3600]
            if isCumulative { return times }
            var sum = 0.0
            return times.map { time in
                sum += time
                return sum
            }
        }
    }

    /// What is wrong with the receiver for a while.
    enum Trouble: CaseIterable {
        case notReached, storeAway, noKeys, noAPI
    }

    @Test(
        "whatever is wrong, and whichever attempt is the first to get through, no event is lost (S43, R20)",
        arguments: Reading.all)
    func R20(reading: Reading) async throws {
        for trouble in Trouble.allCases {
            for first in reading.attempts.indices {
                let fixture = try WebhookFixture(), list = EventList()
                list.serve(fixture.upstream)
                fixture.locationFails()
                let created = fixture.clock.wall
                let event = WebhookFixture.tariffExpired
                list.add("evt_1", "tariff.expired", #"{"location_id":"loc_1"}"#, at: created)
                var isAcknowledged = false
                for (number, offset) in reading.attempts.enumerated() where !isAcknowledged {
                    fixture.clock.advance(by: created.addingTimeInterval(offset).timeIntervalSince(fixture.clock.wall))
                    let isUp = number >= first
                    fixture.store.isAway = trouble == .storeAway && !isUp
                    fixture.keyServer.keys = trouble == .noKeys && !isUp ? nil : [.first]
                    if trouble == .noAPI {
                        list.serve(fixture.upstream) { _ in .json("{}", status: 500) }
                        if !isUp {
                            fixture.upstream.on("event", .json("{}", status: 500))
                        }
                    }
                    if trouble == .notReached, !isUp { continue }
                    let signedAt = reading.isResigned ? fixture.clock.wall : created
                    let delivery = try FlatpeakKey.first.delivery(event, at: signedAt)
                    isAcknowledged = await fixture.take(delivery) == nil
                }
                #expect(isAcknowledged, "\(trouble), attempt \(first)")
                await fixture.work()
                #expect(try await fixture.action == .reconnect, "\(trouble), attempt \(first)")
                #expect(try await fixture.store.waiting().count == 0)
            }
        }
    }

    @Test(
        "an acknowledgement that is lost on its way back makes retries, and one effect (S43, R20)",
        arguments: Reading.all)
    func R20lost(reading: Reading) async throws {
        let fixture = try WebhookFixture(), list = EventList()
        list.serve(fixture.upstream)
        fixture.locationFails()
        let created = fixture.clock.wall
        let event = WebhookFixture.tariffExpired
        for offset in reading.attempts {
            fixture.clock.advance(by: created.addingTimeInterval(offset).timeIntervalSince(fixture.clock.wall))
            let delivery = try FlatpeakKey.first.delivery(event, at: reading.isResigned ? fixture.clock.wall : created)
            #expect(await fixture.take(delivery) == nil)
            await fixture.work()
        }
        #expect(fixture.upstream.requests("status").count == 1, "its effect was had once")
        #expect(fixture.webhooks.status.received == 6)
        #expect(fixture.webhooks.status.repeated == 5)
    }

    @Test("an event whose every attempt failed is found in the list (R20, R22)")
    func R20reconciled() async throws {
        let fixture = try WebhookFixture(), list = EventList()
        list.serve(fixture.upstream)
        fixture.locationFails()
        list.add("evt_1", "tariff.expired", #"{"location_id":"loc_1"}"#, at: fixture.clock.wall)
        fixture.clock.advance(by: 60 * 3600)
        for number in 0..<150 { list.add("evt_later_\(number)", at: fixture.clock.wall) }
        // It runs since before the event.
        let text = String(
            decoding: try JSONEncoder().encode(EventBackfill(at: fixture.clock.wall - 61 * 3600)), as: UTF8.self)
        try await fixture.store.keep(bookmark: text)
        try await fixture.webhooks.reconcile.walk()
        await fixture.work()
        #expect(try await fixture.action == .reconnect)
    }
}
