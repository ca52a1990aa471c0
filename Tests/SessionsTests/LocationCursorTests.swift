import Core
import Foundation
import Testing

@testable import Sessions

/// What a client that follows a location is sent, by what it has seen.
@Suite struct LocationCursorTests {
    let start = Date(timeIntervalSince1970: 1_763_980_800.123)
    let location = LocationID("loc_1")!

    private func state(_ updated: Double?, _ action: RequiredAction? = nil, since: Double = 0) -> LocationState {
        LocationState(
            updatedAt: updated.map { start + $0 },
            action: action.map { LocationAction(location: location, required: $0, tariff: nil, since: start + since) })
    }

    @Test func `a new client is sent the action that is required, and no update from before it came`() {
        var cursor = LocationCursor(state(1, .renew), lastSeen: nil)
        let events = cursor.advance(to: state(1, .renew)).map(\.event)
        #expect(events == [.actionRequired(.renew, at: start)])
        #expect(cursor.advance(to: state(1, .renew)).isEmpty)
    }

    @Test func `each change is an event, once, and an action that is over is none`() {
        var cursor = LocationCursor(state(nil), lastSeen: nil)
        #expect(cursor.advance(to: state(nil)).isEmpty)
        #expect(cursor.advance(to: state(1)).map(\.event) == [.updated(at: start + 1)])
        #expect(cursor.advance(to: state(1)).isEmpty)
        let both = cursor.advance(to: state(2, .reconnect, since: 2)).map(\.event)
        #expect(both == [.updated(at: start + 2), .actionRequired(.reconnect, at: start + 2)])
        #expect(cursor.advance(to: state(2)).isEmpty)
        let again = cursor.advance(to: state(2, .reconnect, since: 9)).map(\.event)
        #expect(again == [.actionRequired(.reconnect, at: start + 9)])
    }

    @Test("a client that comes back is sent what it has not seen, after whichever event its connection broke")
    func resumes() throws {
        let states = [
            state(nil), state(1), state(2, .upgrade, since: 2), state(3, .reconnect, since: 3), state(4),
        ]
        let end = state(4, .renew, since: 5)
        var cursor = LocationCursor(states[0], lastSeen: nil)
        for state in states.dropFirst() {
            for (_, seen) in cursor.advance(to: state) {
                var resumed = LocationCursor(end, lastSeen: seen.text)
                #expect(resumed == seen)
                let events = resumed.advance(to: end).map(\.event)
                let hasSeenUpdate = state.updatedAt == end.updatedAt
                #expect(events.contains(.updated(at: start + 4)) != hasSeenUpdate, "\(seen.text)")
                #expect(events.contains(.actionRequired(.renew, at: start + 5)), "\(seen.text)")
            }
        }
    }

    @Test(
        "an id that is not ours may be of any time: the location counts as changed",
        arguments: ["", "x", "8c1f7b60d2a94e35", "1.2", "1.reconnect", "1.dance.2", "1.renew.2.3", "\u{212A}"])
    func foreign(id: String) {
        var cursor = LocationCursor(state(1, .renew), lastSeen: id)
        let events = cursor.advance(to: state(1, .renew)).map(\.event)
        #expect(events == [.updated(at: start + 1), .actionRequired(.renew, at: start)])
    }

    @Test func `the id of an event is the same for the same state, and safe in a header`() {
        #expect(LocationCursor(state(0)).text == "1763980800123")
        #expect(LocationCursor(state(nil)).text == "0")
        #expect(LocationCursor(state(0, .reconnect, since: 1)).text == "1763980800123.reconnect.1763980801123")
        for text in ["0", "1763980800123", "1763980800123.reconnect.1763980801123", "0.renew.5"] {
            #expect(LocationCursor(text)?.text == text)
        }
    }
}
