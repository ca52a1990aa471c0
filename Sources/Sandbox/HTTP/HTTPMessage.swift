import FoundationEssentials

/// A request as it arrived: nothing decoded but the query.
struct HTTPRequest: Sendable {
    var method: String
    /// The request target: path and query, still percent-encoded.
    var target: String
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    var path: String { String(target.prefix { $0 != "?" }) }

    var query: FormFields {
        guard let mark = target.firstIndex(of: "?") else { return FormFields("") }
        return FormFields(target[target.index(after: mark)...])
    }

    func mentions(_ text: String) -> Bool {
        target.contains(text) || String(decoding: body, as: UTF8.self).contains(text)
    }

    func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name }?.value
    }
}

/// An answer, and how it is put on the socket.
struct HTTPAnswer: Sendable {
    /// What happens to the bytes on their way out.
    enum Delivery: Equatable, Sendable {
        case whole
        /// Waits before the first byte.
        case delayed(seconds: Double)
        /// Closes with RST and sends nothing.
        case reset
        /// Sends the head, then the body byte by byte with this pause before each.
        case drip(seconds: Double)
        /// Declares the full length, sends half and closes.
        case truncated
    }

    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    var delivery = Delivery.whole

    static func json(_ value: JSON, status: Int = 200) -> HTTPAnswer {
        HTTPAnswer(status: status, headers: [("Content-Type", "application/json")], body: value.bytes)
    }

    /// The same with a `Date`, by the sandbox's clock.
    func dated(_ now: Date) -> HTTPAnswer {
        var answer = self
        answer.headers.append(("Date", Timestamp.http(now)))
        return answer
    }

    /// The bare `{message}` that upstream answers on 403, 404 and 500 (upstream.md §7).
    static func message(_ text: String, status: Int) -> HTTPAnswer {
        json(["message": .string(text)], status: status)
    }
}

/// The fields of a query or of an `application/x-www-form-urlencoded` body, in order.
struct FormFields: Sendable {
    let fields: [(name: String, value: String)]

    init(_ text: some StringProtocol) {
        fields = text.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decode(parts[0]), parts.count == 2 ? Self.decode(parts[1]) : "")
        }
    }

    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    static func decode(_ text: some StringProtocol) -> String {
        let encoded = Array(text.utf8)
        var bytes: [UInt8] = []
        var index = 0
        while index < encoded.count {
            let byte = encoded[index]
            if byte == UInt8(ascii: "%"), index + 2 < encoded.count,
                let value = UInt8(String(decoding: encoded[index + 1...index + 2], as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                index += 3
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A URL or deep link with `fp_cot` appended, before any fragment (upstream.md §4.1).
func appendingConnectToken(_ token: String, to url: String) -> String {
    let fragment = url.firstIndex(of: "#") ?? url.endIndex
    let base = url[..<fragment]
    let joint = !base.contains("?") ? "?" : base.hasSuffix("?") || base.hasSuffix("&") ? "" : "&"
    return base + joint + "fp_cot=" + token + url[fragment...]
}
