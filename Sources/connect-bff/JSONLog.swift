import Core
import FoundationEssentials
import Synchronization

/// A buffer of JSON lines: a write for each would cost more than a relayed call.
///
/// A warning or an error is written at once, with all lines before it.
final class JSONLog: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        /// The last whole second, and its text.
        var second = (number: 0, text: "")
    }

    private let state = Mutex(State())
    private let write: @Sendable ([UInt8]) -> Void
    private let limit: Int
    private let now: @Sendable () -> (seconds: Int, milliseconds: Int)

    /// - Parameters:
    ///   - limit: Bytes at which the buffer is written.
    ///   - write: Takes whole lines.
    init(
        limit: Int = 128 << 10, now: @escaping @Sendable () -> (seconds: Int, milliseconds: Int) = JSONLog.wallClock,
        write: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.limit = limit
        self.now = now
        self.write = write
    }

    /// Adds a line.
    /// - Parameters:
    ///   - fields: In the order in which they are written; `time` comes last.
    ///   - isUrgent: Whether the buffer is written at once.
    func add(isUrgent: Bool, _ fields: (inout JSONLine) -> Void) {
        let now = now()
        state.withLock { state in
            if state.second.number != now.seconds || state.second.text.isEmpty {
                state.second = (now.seconds, CivilTime(secondsSince1970: now.seconds).timestamp)
            }
            var line = JSONLine(state.bytes)
            state.bytes = []
            fields(&line)
            line.end(second: state.second.text, milliseconds: now.milliseconds)
            state.bytes = line.bytes
            if isUrgent || state.bytes.count >= limit { flush(&state) }
        }
    }

    /// Writes the buffer.
    func flush() {
        state.withLock { flush(&$0) }
    }

    private func flush(_ state: inout State) {
        guard !state.bytes.isEmpty else { return }
        write(state.bytes)
        state.bytes.removeAll(keepingCapacity: true)
    }

    /// A line that reports dropped lines, for a reader that had stopped.
    static func dropped(_ count: Int, now: (seconds: Int, milliseconds: Int) = wallClock()) -> [UInt8] {
        var line = JSONLine([])
        line.add("bff.count", "\(count)")
        line.add("level", "warning")
        line.add("message", "log lines dropped")
        line.end(second: CivilTime(secondsSince1970: now.seconds).timestamp, milliseconds: now.milliseconds)
        return line.bytes
    }

    static let wallClock: @Sendable () -> (seconds: Int, milliseconds: Int) = {
        // A clock before 1970 is set wrong, and no reason to write a negative fraction of a second.
        let milliseconds = max(0, Int(saturating: Date().timeIntervalSince1970 * 1000))
        return (milliseconds / 1000, milliseconds % 1000)
    }
}

extension JSONLog {
    /// Adds the line of a request, identical to that of a logger's event with the same fields.
    func add(_ request: RequestLine) {
        add(isUrgent: request.weight == .failure) { line in
            if let code = request.code { line.add(member: #""bff.code":""#, code) }
            line.add(member: #""bff.milliseconds":""#, Int(request.milliseconds))
            line.add(member: #""bff.request":""#, request.number)
            if let trace = request.trace { line.add(member: #""bff.trace":""#, trace) }
            if let id = request.upstreamRequest { line.add(member: #""bff.upstream_request":""#, id) }
            line.add(member: #""http.method":""#, request.method)
            line.add(member: #""http.route":""#, request.route)
            line.add(member: #""http.status":""#, request.status)
            switch request.weight {
            case .usual: line.add(members: #""level":"info","message":"request""#)
            case .trouble: line.add(members: #""level":"warning","message":"request""#)
            case .failure: line.add(members: #""level":"error","message":"request""#)
            }
        }
    }
}

/// One object on one line, whose every value is text.
///
/// Connect tokens are masked and control characters escaped, so that no value can forge a line or control a terminal.
struct JSONLine {
    private(set) var bytes: [UInt8]
    private var isEmpty = true

    fileprivate init(_ bytes: consuming [UInt8]) {
        self.bytes = bytes
    }

    mutating func add(_ name: String, _ value: String) {
        append(isEmpty ? "{\"" : ",\"")
        isEmpty = false
        write(name)
        append("\":\"")
        write(ConnectToken.masked(value))
        bytes.append(UInt8(ascii: "\""))
    }

    /// Adds a member whose name is a literal, with the quotes and colon before its value.
    mutating func add(member name: StaticString, _ value: String) {
        add(members: name)
        write(ConnectToken.masked(value))
        bytes.append(UInt8(ascii: "\""))
    }

    mutating func add(member name: StaticString, _ value: Int) {
        add(members: name)
        bytes.append(contentsOf: String(value).utf8)
        bytes.append(UInt8(ascii: "\""))
    }

    mutating func add(member name: StaticString, _ value: RequestNumber) {
        add(members: name)
        let text = value.text
        // Safe: the pointer does not outlive the call.
        unsafe text.span.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
    }

    fileprivate mutating func end(second: String, milliseconds: Int) {
        add(members: #""time":""#)
        bytes.append(contentsOf: second.utf8)
        bytes.append(UInt8(ascii: "."))
        bytes.append(UInt8(ascii: "0") + UInt8(milliseconds / 100))
        bytes.append(UInt8(ascii: "0") + UInt8(milliseconds / 10 % 10))
        bytes.append(UInt8(ascii: "0") + UInt8(milliseconds % 10))
        append("Z\"}\n")
    }

    /// Adds literal members, or the beginning of one.
    fileprivate mutating func add(members: StaticString) {
        bytes.append(isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
        isEmpty = false
        append(members)
    }

    /// Adds literal text, which needs no escaping.
    private mutating func append(_ text: StaticString) {
        // Safe: the buffer lies in the program for as long as it runs.
        text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
    }

    private mutating func write(_ text: String) {
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }) {
            return bytes.append(contentsOf: text.utf8)
        }
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5C: bytes += [UInt8(ascii: "\\"), UInt8(scalar.value)]
            // Those of Latin-1, up to 9F, move cursors on some terminals.
            case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029:
                bytes.append(contentsOf: "\\u".utf8)
                for shift in stride(from: 12, through: 0, by: -4) {
                    let digit = UInt8(scalar.value >> shift & 15)
                    bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
                }
            case 0x20..<0x80: bytes.append(UInt8(scalar.value))
            default: bytes.append(contentsOf: String(scalar).utf8)
            }
        }
    }
}
