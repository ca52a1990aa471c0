import Core
package import Tracing

/// Where a span stands in its trace, as it travels between services (W3C Trace Context, level 1).
package struct TraceContext: Hashable, Sendable {
    package var trace: (high: UInt64, low: UInt64) { (traceHigh, traceLow) }
    private let traceHigh: UInt64
    private let traceLow: UInt64
    /// The span that whoever gets this is a child of.
    package let span: UInt64
    package var isSampled = true
    /// What other tracers added; handed on as it is, never read.
    package var state: String?

    /// Longer ones are dropped, and so are those with more members (sections 3.3.1.1 and 3.3.1.3).
    private static let longestState = 512
    private static let mostMembers = 32

    package init(trace: (high: UInt64, low: UInt64), span: UInt64) {
        (traceHigh, traceLow) = trace
        self.span = span
    }

    /// Reads `traceparent`, strictly: 55 letters of version 00, with neither id zero.
    ///
    /// What is malformed, and what comes from a version that is not known, is as good as absent: a trace begins anew.
    package init?(traceparent: String, tracestate: String? = nil) {
        let bytes = Array(traceparent.utf8)
        guard bytes.count == 55, bytes.starts(with: "00-".utf8), bytes[35] == UInt8(ascii: "-"),
            bytes[52] == UInt8(ascii: "-"), let high = Self.number(bytes[3..<19]),
            let low = Self.number(bytes[19..<35]), let span = Self.number(bytes[36..<52]),
            let flags = Self.number(bytes[53..<55]), high != 0 || low != 0, span != 0
        else { return nil }
        self.init(trace: (high, low), span: span)
        isSampled = flags & 1 == 1
        state = tracestate.flatMap { Self.isFit($0) ? $0 : nil }
    }

    /// Whether a foreign list may travel on: within bounds, of printable letters, and without a connect token.
    private static func isFit(_ state: String) -> Bool {
        !state.isEmpty && state.utf8.count <= longestState
            && state.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
            && state.utf8.count { $0 == UInt8(ascii: ",") } < mostMembers && ConnectToken.masked(state) == state
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }

    /// As it goes out.
    package var traceparent: String {
        "00-\(traceID)-\(Self.text(span))-\(isSampled ? "01" : "00")"
    }

    package var traceID: String { Self.text(traceHigh) + Self.text(traceLow) }
    package var spanID: String { Self.text(span) }

    static func text(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension InstrumentationContext {
    private enum TraceKey: InstrumentationContextKey {
        typealias Value = TraceContext
    }

    /// The trace that the current work belongs to.
    package var trace: TraceContext? {
        get { self[TraceKey.self] }
        set { self[TraceKey.self] = newValue }
    }
}
