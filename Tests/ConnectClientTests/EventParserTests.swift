import Foundation
import Testing

@testable import ConnectClient

@Suite struct EventParserTests {
    /// The events of a stream that arrives in chunks of `size` bytes, as `name=data`, and the id at its end.
    private func read(_ text: String, size: Int = .max) throws -> (events: [String], id: String?) {
        var parser = EventParser()
        var events: [String] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let chunk = rest.prefix(size)
            rest = rest.dropFirst(size)
            let read = parser.read(chunk)
            for event in try #require(read) {
                events.append("\(event.name)=\(String(decoding: event.data, as: UTF8.self))")
            }
        }
        return (events, parser.lastEventID)
    }

    @Test(
        "reads events (HTML standard, section 9.2.6)",
        arguments: [
            ("id: 1\nevent: session\ndata: {}\n\n", ["session={}"], "1"),
            ("id: 1\r\nevent: session\r\ndata: {}\r\n\r\n", ["session={}"], "1"),
            ("id: 1\revent: session\rdata: {}\r\r", ["session={}"], "1"),
            ("data: a\ndata: b\n\n", ["message=a\nb"], nil),
            ("data:a\ndata\n\n", ["message=a\n"], nil),
            ("data:  a\n\n", ["message= a"], nil),
            ("\u{FEFF}data: a\n\n", ["message=a"], nil),
            (":\n\n: comment\nretry: 2000\n\n", [], nil),
            ("data: a\n\nevent: b\ndata: c\n\ndata: d\n\n", ["message=a", "b=c", "message=d"], nil),
            // An id without an event is repeated, too.
            ("id: 1\ndata: a\n\nid: 2\n\n", ["message=a"], "2"),
            ("id: 1\ndata: a\n\ndata: b\n\n", ["message=a", "message=b"], "1"),
            ("id: 1\ndata: a\n\nid\ndata: b\n\n", ["message=a", "message=b"], ""),
            // No header can hold these.
            ("id: 1\u{0}2\ndata: a\n\n", ["message=a"], nil),
            ("id: 1\n\nid: \u{E9}\n\nid: 2 3\n\n", [], "1"),
            // What is not whole is nothing.
            ("id: 1\ndata: a\n\nid: 2\ndata: b\n", ["message=a"], "1"),
            ("unknown: x\ndata: ü\n\n", ["message=ü"], nil),
        ] as [(String, [String], String?)])
    func reads(_ text: String, _ events: [String], _ id: String?) throws {
        for size in [1, 2, 3, .max] {
            let read = try read(text, size: size)
            #expect(read.events == events, "in chunks of \(size)")
            #expect(read.id == id, "in chunks of \(size)")
        }
    }

    @Test func `refuses an event that does not end`() {
        var parser = EventParser()
        let line = Array("data: \(String(repeating: "x", count: 1_000))\n".utf8)
        var isRefused = false
        for _ in 0..<EventParser.longest / 1_000 + 1 where !isRefused { isRefused = parser.read(line) == nil }
        #expect(isRefused)
    }

    @Test func `reads many events whose sum is longer than one may be`() {
        var parser = EventParser()
        let event = Array("data: \(String(repeating: "x", count: 1_000))\n\n".utf8)
        for _ in 0..<EventParser.longest / 1_000 + 1 {
            let events = parser.read(event)
            #expect(events?.count == 1)
        }
    }
}
