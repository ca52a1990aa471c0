import Foundation

/// One server-sent event.
struct ServerEvent: Equatable {
    let name: String
    let data: Data
}

/// Reads server-sent events from the bytes of a stream, in chunks of any size (HTML standard, section 9.2.6).
struct EventParser {
    /// The most bytes that one event may have.
    static let longest = 1_048_576

    /// The id to repeat when the stream is opened again.
    private(set) var lastEventID: String?

    private var line: [UInt8] = []
    private var isFirst = true
    private var skipsLineFeed = false
    private var name = ""
    private var data: [UInt8]?
    private var id: String?
    private var size = 0

    /// - Parameter lastEventID: What a stream before this one ended with.
    init(lastEventID: String? = nil) {
        self.lastEventID = lastEventID
        id = lastEventID
    }

    /// Takes the next bytes, and returns the events that they complete; nil when an event is too long.
    mutating func read(_ bytes: some Sequence<UInt8>) -> [ServerEvent]? {
        var events: [ServerEvent] = []
        for byte in bytes {
            defer { skipsLineFeed = byte == 0x0D }
            if byte == 0x0A, skipsLineFeed { continue }
            guard byte == 0x0A || byte == 0x0D else {
                size += 1
                guard size <= Self.longest else { return nil }
                line.append(byte)
                continue
            }
            if isFirst, line.starts(with: [0xEF, 0xBB, 0xBF]) { line = Array(line.dropFirst(3)) }
            isFirst = false
            if line.isEmpty {
                if let event = dispatch() { events.append(event) }
            } else {
                take(line)
            }
            line.removeAll(keepingCapacity: true)
        }
        return events
    }

    private mutating func take(_ line: [UInt8]) {
        let colon = line.firstIndex(of: 0x3A) ?? line.endIndex
        var value = line[colon...].dropFirst()
        if value.first == 0x20 { value = value.dropFirst() }
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "event": name = String(decoding: value, as: UTF8.self)
        case "data":
            if data == nil { data = Array(value) } else { data? += [0x0A] + value }
        // It is repeated in a header; the standard forbids NUL alone.
        case "id" where value.allSatisfy(Call.isVisible): id = String(decoding: value, as: UTF8.self)
        default: break
        }
    }

    /// Ends an event; one without data changes the id alone.
    private mutating func dispatch() -> ServerEvent? {
        defer { (name, data, size) = ("", nil, 0) }
        lastEventID = id
        return data.map { ServerEvent(name: name.isEmpty ? "message" : name, data: Data($0)) }
    }
}
