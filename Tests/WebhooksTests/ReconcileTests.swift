import Core
import Flatpeak
import Foundation
import Networking
import Sessions
import Synchronization
import TestSupport
import Testing

@testable import Webhooks

/// Flatpeak's list of events, newest first, in pages (upstream.md §6.5).
final class EventList: Sendable {
    private let state = Mutex<(events: [(id: String, json: String)], pages: Int)>(([], 0))

    var ids: [String] { state.withLock { $0.events.map(\.id) } }
    /// Pages that were read.
    var pages: Int { state.withLock(\.pages) }

    func add(_ id: String, _ type: String = "customer.update", _ data: String = "{}", at instant: Date) {
        let json =
            #"{"id":"\#(id)","object":"event","type":"\#(type)","data":\#(data),"time_created":"\#(instant.formatted(.iso8601))"}"#
        state.withLock { $0.events.insert((id, json), at: 0) }
    }

    /// Answers `GET /events` and `GET /events/{id}`, each time after `before`.
    func serve(_ upstream: ScriptedUpstream, before: @escaping @Sendable (Int) -> HTTPAnswer? = { _ in nil }) {
        upstream.on(
            "events",
            [
                { [self] request in
                    let number = state.withLock { state in
                        state.pages += 1
                        return state.pages
                    }
                    if let other = before(number) { return .success(other) }
                    return .success(page(request.url))
                }
            ])
        upstream.on(
            "event",
            [
                { [self] request in
                    let id = String(request.url.split(separator: "/").last ?? "")
                    let json = state.withLock { $0.events.first { $0.id == id }?.json }
                    return .success(json.map { .json($0) } ?? .json(#"{"message":"Not Found"}"#, status: 404))
                }
            ])
    }

    private func page(_ url: String) -> HTTPAnswer {
        let items = URLComponents(string: url)?.queryItems ?? []
        let limit = Int(items.first { $0.name == "limit" }?.value ?? "") ?? 30
        let events = state.withLock(\.events)
        var rest = events[...]
        if let after = items.first(where: { $0.name == "starting_after" })?.value {
            guard let place = events.firstIndex(where: { $0.id == after }) else {
                return .json(#"{"object":"error","code":"starting_after_invalid"}"#, status: 400)
            }
            rest = events[(place + 1)...]
        }
        let data = rest.prefix(limit).map(\.json).joined(separator: ",")
        return .json(#"{"object":"list","url":"/events","has_more":\#(rest.count > limit),"data":[\#(data)]}"#)
    }
}

@Suite struct ReconcileTests {
    private func received(_ fixture: WebhookFixture, _ ids: [String]) async throws -> Int {
        var count = 0
        for id in ids where try await fixture.store.hasReceived(#require(EventID(id))) { count += 1 }
        return count
    }

    @Test("a receiver that was away for an hour finds every gap in the list, and nothing twice (R22)")
    func R22() async throws {
        let fixture = try WebhookFixture(), list = EventList()
        list.serve(fixture.upstream)
        for number in 0..<250 { list.add("evt_old_\(number)", at: fixture.clock.wall - 100_000 + Double(number)) }
        try await fixture.webhooks.reconcile.walk()
        #expect(fixture.webhooks.status.gaps == 100, "of what was before there was a receiver, a page at most")
        await fixture.work()

        // An hour of events, of which the first and every tenth are delivered before and after.
        for number in 0..<360 {
            fixture.clock.advance(by: 10)
            list.add("evt_\(number)", at: fixture.clock.wall)
            if number.isMultiple(of: 10) {
                #expect(
                    try await fixture.deliver(WebhookFixture.event("evt_\(number)", "customer.update", "{}")) == nil)
            }
        }
        let before = fixture.webhooks.status.gaps
        try await fixture.webhooks.reconcile.walk()
        #expect(fixture.webhooks.status.gaps - before == 360 - 36)
        #expect(try await received(fixture, (0..<360).map { "evt_\($0)" }) == 360)
        #expect(try await fixture.store.waiting().count == 360)
        await fixture.work()
        #expect(try await fixture.store.waiting().count == 0)
        try await fixture.webhooks.reconcile.walk()
        #expect(try await fixture.deliver(WebhookFixture.event("evt_5", "customer.update", "{}")) == nil)
        #expect(try await fixture.store.waiting().count == 0, "no doubles")
        #expect(fixture.webhooks.status.gaps - before == 324)
        #expect(fixture.webhooks.status.reconciledAt == fixture.clock.wall)
        #expect(fixture.webhooks.status.altered == 0, "the list writes events in its own way")
    }

    @Test("reading goes on where it stopped, whatever came meanwhile (R22)")
    func R22resumes() async throws {
        let store = InMemoryStore(), list = EventList()
        let fixture = try WebhookFixture(store: store)
        list.serve(fixture.upstream)
        try await fixture.webhooks.reconcile.walk()
        for number in 0..<950 { list.add("evt_\(number)", at: fixture.clock.wall) }
        // It dies after every third page; the next process has nothing but the store.
        var lives = 0
        while true {
            lives += 1
            let next = try WebhookFixture(store: store)
            list.serve(next.upstream) { [started = list.pages] page in
                page - started > 3 ? .json("{}", status: 500) : nil
            }
            if lives < 3 { list.add("evt_meanwhile_\(lives)", at: next.clock.wall) }
            do throws(BFFError) {
                try await next.webhooks.reconcile.walk()
                break
            } catch {
                #expect(error == .upstreamFailed(status: 500))
            }
            try #require(lives < 10)
        }
        // Twelve pages, and a few tries of those that failed.
        #expect(try await received(fixture, (0..<950).map { "evt_\($0)" }) == 950)
        let last = try WebhookFixture(store: store)
        list.serve(last.upstream)
        try await last.webhooks.reconcile.walk()
        #expect(try await received(fixture, list.ids) == list.ids.count)
    }

    @Test("a place that the list does not know any more makes it be read from the newest (R22)")
    func R22forgotten() async throws {
        let fixture = try WebhookFixture(), list = EventList()
        var walk = EventBackfill(at: fixture.clock.wall)
        let gone = try #require(EventID("evt_gone"))
        _ = walk.read([.init(id: gone, createdAt: nil)], hasMore: true, at: fixture.clock.wall)
        #expect(walk.cursor == gone)
        let text = String(decoding: try JSONEncoder().encode(walk), as: UTF8.self)
        try await fixture.store.keep(bookmark: text)
        list.serve(fixture.upstream)
        list.add("evt_1", at: fixture.clock.wall)
        try await fixture.webhooks.reconcile.walk()
        #expect(try await received(fixture, ["evt_1"]) == 1)
    }

    @Test("it is read at the start and every hour, and a minute after it could not be (R22)")
    func R22hourly() async throws {
        let fixture = try WebhookFixture(), list = EventList()
        let start = fixture.clock.wall
        let instants = Mutex<[Double]>([])
        list.serve(fixture.upstream) { [clock = fixture.clock] page in
            instants.withLock { $0.append(clock.wall.timeIntervalSince(start).rounded()) }
            return page == 3 ? .json("{}", status: 400) : nil
        }
        let running = Task { await fixture.webhooks.reconcile.run() }
        try await until { instants.withLock { $0.count >= 5 } }
        running.cancel()
        await running.value
        #expect(instants.withLock { Array($0.prefix(5)) } == [0, 3600, 7200, 7260, 10860])
    }

    @Test("an event that was not delivered is processed like any other")
    func effect() async throws {
        let fixture = try WebhookFixture(), list = EventList()
        fixture.locationFails()
        list.serve(fixture.upstream)
        list.add("evt_1", "tariff.expired", #"{"location_id":"loc_1"}"#, at: fixture.clock.wall)
        try await fixture.webhooks.reconcile.walk()
        await fixture.work()
        #expect(try await fixture.action == .reconnect)
    }

    @Test("whatever the pages and the interruptions, all that is newer than the last walk was read", arguments: 0..<50)
    func model(seed: Int) throws {
        var list: [Int] = [], read: Set<Int> = [], next = 0
        var walk = EventBackfill(at: Date(timeIntervalSince1970: 0))
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20 {
            for _ in 0..<Int.random(in: 0...30, using: &generator) {
                list.insert(next, at: 0)
                next += 1
            }
            let top = list.first
            var step = EventBackfill.Step.next
            while step == .next {
                let start =
                    walk.cursor.flatMap { cursor in list.firstIndex { "e\($0)" == cursor.text } }.map { $0 + 1 } ?? 0
                let page = list[start...].prefix(Int.random(in: 1...10, using: &generator))
                read.formUnion(page)
                step = walk.read(
                    page.map { .init(id: EventID("e\($0)"), createdAt: nil) },
                    hasMore: start + page.count < list.count, at: Date(timeIntervalSince1970: 0))
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    // A restart, with new events before it goes on.
                    walk = try JSONDecoder().decode(EventBackfill.self, from: JSONEncoder().encode(walk))
                    list.insert(next, at: 0)
                    next += 1
                }
            }
            // A walk that was interrupted ends where it began; the next one has the rest.
            if walk.done?.text == top.map({ "e\($0)" }) {
                #expect(read.isSuperset(of: list.filter { $0 <= top ?? -1 }), "seed \(seed)")
            }
        }
        for _ in 0..<2 {
            var step = EventBackfill.Step.next
            while step == .next {
                let start =
                    walk.cursor.flatMap { cursor in list.firstIndex { "e\($0)" == cursor.text } }.map { $0 + 1 } ?? 0
                let page = list[start...].prefix(7)
                read.formUnion(page)
                step = walk.read(
                    page.map { .init(id: EventID("e\($0)"), createdAt: nil) },
                    hasMore: start + page.count < list.count, at: Date(timeIntervalSince1970: 0))
            }
        }
        #expect(read == Set(list))
    }

    // MARK: - What is wrong with a list (I15)

    /// A list of events, newest first, and what is wrong with it.
    private struct BadList {
        var events: [EventBackfill.Seen]
        /// Events after which the list gives nothing.
        var refused: Set<EventID> = []
        /// Events after which it gives an empty page that has more.
        var empty: Set<EventID> = []
        /// Whether every cursor gives the first page.
        var ignoresCursor = false
        var saysMore = false

        /// Walks until an end.
        /// - Returns: What was read, and how many pages were asked for.
        func walk(_ walk: inout EventBackfill, at now: Date, limit: Int = 10) throws -> (
            read: Set<EventID>, asked: Int, end: EventBackfill.Step
        ) {
            var read: Set<EventID> = [], asked = 0, step = EventBackfill.Step.next
            while step == .next {
                asked += 1
                try #require(asked < 10_000, "it never ends")
                // The next process has what was kept.
                walk = try JSONDecoder().decode(EventBackfill.self, from: JSONEncoder().encode(walk))
                let cursor = ignoresCursor ? nil : walk.cursor
                if let cursor, refused.contains(cursor) {
                    step = walk.refused()
                    continue
                }
                if let cursor, empty.contains(cursor) {
                    step = walk.read([], hasMore: true, at: now)
                    continue
                }
                let start = cursor.flatMap { cursor in events.firstIndex { $0.id == cursor } }.map { $0 + 1 } ?? 0
                let page = events[start...].prefix(limit)
                read.formUnion(page.compactMap(\.id))
                step = walk.read(
                    Array(page), hasMore: saysMore || start + page.count < events.count, at: now)
            }
            return (read, asked, step)
        }
    }

    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func events(_ count: Int, every seconds: TimeInterval = 60) -> [EventBackfill.Seen] {
        (0..<count).map {
            .init(id: EventID("evt_\($0)"), createdAt: Self.now - Double($0) * seconds)
        }
    }

    @Test(
        "one wrong date hides no event (I15)",
        arguments: [
            Date.distantPast, .distantFuture, Date(timeIntervalSince1970: -62_135_769_600),
            Date(timeIntervalSince1970: 0), Date(timeIntervalSince1970: 1e300), Date(timeIntervalSince1970: -1e300),
        ], [0, 5, 9, 10, 349])
    func wrongDate(date: Date, at index: Int) throws {
        var list = BadList(events: events(350, every: 1))
        list.events[index] = .init(id: list.events[index].id, createdAt: date)
        for limit in [1, 10, 100] {
            var walk = EventBackfill(at: Self.now)
            let (read, _, end) = try list.walk(&walk, at: Self.now, limit: limit)
            #expect(read.count == 350, "\(limit) a page")
            #expect(end == .done, "\(limit) a page")
        }
    }

    @Test("what was before the service is not read (I15)") func old() throws {
        var walk = EventBackfill(at: Self.now)
        let list = BadList(events: events(10_000))
        let (read, asked, end) = try list.walk(&walk, at: Self.now)
        #expect(end == .done, "an hour is six pages, of which the last ends on the bound")
        #expect(asked == 8, "an hour is six pages, of which the last ends on the bound")
        #expect(read.count == 80)
    }

    @Test("an event that is no cursor is passed (I15)", arguments: [false, true]) func noCursor(isEmpty: Bool) throws {
        var list = BadList(events: events(350, every: 1))
        let bad = Set([9, 10, 99, 200].map { list.events[$0].id }.compactMap(\.self))
        if isEmpty { list.empty = bad } else { list.refused = bad }
        var walk = EventBackfill(at: Self.now)
        let (read, asked, end) = try list.walk(&walk, at: Self.now)
        #expect(read.count == 350)
        #expect(end == .done)
        #expect(asked < 45)
    }

    @Test("a list that cannot be read on is given up, tried again, and passed over at last (I15)") func stuck() throws {
        var list = BadList(events: events(100, every: 1))
        list.refused = Set(list.events[17...19].compactMap(\.id))
        var walk = EventBackfill(at: Self.now)
        for round in 1...EventBackfill.mostAbandoned {
            let (read, asked, end) = try list.walk(&walk, at: Self.now)
            #expect(read.count == 20)
            #expect(asked <= 10)
            #expect(end == (round < EventBackfill.mostAbandoned ? .abandon : .passedOver))
            #expect((walk.done == list.events[0].id) == (end == .passedOver))
            #expect(walk.cursor == nil, "the next walk begins at the newest")
        }
        // It goes on with what is new.
        list.events.insert(.init(id: EventID("evt_new"), createdAt: Self.now), at: 0)
        let (read, asked, end) = try list.walk(&walk, at: Self.now)
        #expect(asked == 1)
        #expect(end == .done)
        #expect(read.count == 10)
    }

    @Test("pages that come again, in a circle or without an end, end a walk (I15)") func circles() throws {
        var list = BadList(events: events(100, every: 1))
        list.ignoresCursor = true
        var walk = EventBackfill(at: Self.now)
        #expect(try list.walk(&walk, at: Self.now).asked < 20)

        list.ignoresCursor = false
        list.saysMore = true
        for _ in 0..<EventBackfill.mostAbandoned { #expect(try list.walk(&walk, at: Self.now).asked < 60) }
        #expect(walk.done == list.events[0].id)

        // A circle of five pages.
        walk = EventBackfill(at: Self.now)
        let pages = (0..<5).map { page in
            (0..<10).map { EventBackfill.Seen(id: EventID("evt_\(page)_\($0)"), createdAt: nil) }
        }
        var asked = 0
        while walk.read(pages[asked % 5], hasMore: true, at: Self.now) == .next { asked += 1 }
        #expect(asked < 100)

        // New events without an end.
        walk = EventBackfill(at: Self.now)
        asked = 0
        var step = EventBackfill.Step.next
        while step == .next {
            step = walk.read([.init(id: EventID("evt_\(asked)"), createdAt: Self.now)], hasMore: true, at: Self.now)
            asked += 1
        }
        #expect(asked == EventBackfill.mostPages)
        #expect(step == .passedOver)
    }

    @Test("an empty list, and one that only says that it has more (I15)") func empty() {
        var walk = EventBackfill(at: Self.now)
        #expect(walk.read([], hasMore: false, at: Self.now) == .done)
        for _ in 0..<10 { #expect(walk.read([], hasMore: true, at: Self.now) == .abandon) }
        #expect(walk.read([.init(id: nil, createdAt: Self.now)], hasMore: true, at: Self.now) == .abandon)
    }

    @Test("the bookmark of an older release is read") func olderBookmark() throws {
        let text = #"{"done":"evt_1","since":1000,"walk":{"top":"evt_9","below":"evt_5"}}"#
        var walk = try JSONDecoder().decode(EventBackfill.self, from: Data(text.utf8))
        #expect(walk.cursor?.text == "evt_5")
        #expect(walk.refused() == .next)
        #expect(walk.cursor == nil)
        let done = try #require(EventID("evt_1"))
        #expect(walk.read([.init(id: done, createdAt: nil)], hasMore: true, at: Self.now) == .done)
    }

    @Test("whatever is wrong with single events, all are read in bounded many pages (I15)", arguments: 0..<100)
    func badLists(seed: Int) throws {
        var list = BadList(events: events(Int.random(in: 1...400), every: 1))
        var generator = SystemRandomNumberGenerator()
        var last = -3
        for index in list.events.indices where index - last > 2 && Int.random(in: 0..<8, using: &generator) == 0 {
            last = index
            let event = list.events[index]
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: list.events[index] = .init(id: event.id, createdAt: .distantPast)
            case 1: list.events[index] = .init(id: event.id, createdAt: .distantFuture)
            case 2: list.refused.formUnion([event.id].compactMap(\.self))
            default: list.empty.formUnion([event.id].compactMap(\.self))
            }
        }
        var walk = EventBackfill(at: Self.now)
        let (read, asked, end) = try list.walk(&walk, at: Self.now, limit: Int.random(in: 4...100, using: &generator))
        #expect(end == .done)
        #expect(read == Set(list.events.compactMap(\.id)))
        #expect(asked <= 2 + list.events.count)
    }

    @Test("a cursor that is answered with 404 is asked for once (I15)") func cursorNotFound() async throws {
        let fixture = try WebhookFixture(), list = EventList()
        list.serve(fixture.upstream) { page in page == 2 ? .json(#"{"message":"Not Found"}"#, status: 404) : nil }
        for number in 0..<250 { list.add("evt_\(number)", at: fixture.clock.wall) }
        try await fixture.webhooks.reconcile.walk()
        #expect(try await received(fixture, (0..<250).map { "evt_\($0)" }) == 250)
        #expect(list.pages == 4)
    }
}
