/// The 96 bits of a request's id, as a value that costs no memory of its own.
package struct RequestNumber: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt32

    package init(high: UInt64, low: UInt32) {
        self.high = high
        self.low = low
    }

    /// Takes 12 random bytes.
    package init(random bytes: [UInt8]) {
        precondition(bytes.count >= 12, "an identifier needs 96 random bits")
        high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes.dropFirst(8).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The bytes of the id: `req_` and 24 digits.
    package var text: InlineArray<28, UInt8> {
        var text = InlineArray<28, UInt8>(repeating: UInt8(ascii: "_"))
        text[0] = UInt8(ascii: "r")
        text[1] = UInt8(ascii: "e")
        text[2] = UInt8(ascii: "q")
        for digit in 0..<16 {
            text[4 + digit] = UInt8(truncatingIfNeeded: high >> (60 - 4 * digit)).hexadecimalDigit
        }
        for digit in 0..<8 {
            text[20 + digit] = UInt8(truncatingIfNeeded: low >> (28 - 4 * digit)).hexadecimalDigit
        }
        return text
    }
}

/// Numbers requests without asking the system for random bytes each time: they must differ, not be secret.
package struct RequestNumbers: Sendable {
    private let high: UInt64
    private var low: UInt32

    /// - Parameter bytes: 12 random bytes, in which no two of these may agree.
    package init(random bytes: [UInt8]) {
        let first = RequestNumber(random: bytes)
        (high, low) = (first.high, first.low)
    }

    package mutating func next() -> RequestNumber {
        low &+= 1
        return RequestNumber(high: high, low: low)
    }
}

extension Identifier where Kind == RequestKind {
    package init(_ number: RequestNumber) {
        let digits = number.text
        text = String(decoding: digits.indices.map { digits[$0] }, as: UTF8.self)
    }
}

/// What is written down of a request that was answered.
package struct RequestLine: Sendable {
    package var number: RequestNumber
    package var method: String
    /// The route's template, never the path that came.
    package var route: String
    package var status: Int
    /// The public code of the error that was answered, if one was.
    package var code: String?
    /// From its head to the end of its answer.
    package var duration: Duration
    /// The id of its trace, in 32 hexadecimal digits; `nil` when tracing is disabled.
    package var trace: String?
    /// Flatpeak's own id of a relayed call, where that is what the client reads: `[A-Za-z0-9_.:-]`.
    package var upstreamRequest: String?

    // Inlined, as each request makes one.
    @inlinable package init(
        number: RequestNumber, method: String, route: String, status: Int, code: String? = nil, duration: Duration,
        trace: String? = nil, upstreamRequest: String? = nil
    ) {
        self.number = number
        self.method = method
        self.route = route
        self.status = status
        self.code = code
        self.duration = duration
        self.trace = trace
        self.upstreamRequest = upstreamRequest
    }

    /// The same in whole milliseconds, as log lines have it.
    package var milliseconds: Int64 {
        // Taken apart once: that is a long division.
        let (seconds, attoseconds) = duration.components
        return seconds &* 1000 &+ attoseconds / 1_000_000_000_000_000
    }

    /// How much a line is worth an operator's attention.
    package enum Weight: Sendable {
        /// All went as it should, or the caller did something wrong.
        case usual
        /// Something beside or behind us failed, or there was too much to do.
        case trouble
        /// We failed.
        case failure
    }

    package var weight: Weight {
        switch status {
        case 500: .failure
        case 501...: .trouble
        default: .usual
        }
    }
}
