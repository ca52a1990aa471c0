import Core

/// What an answer of Connect says of where the customer is: its `route`, and `data.redirect_url`.
///
/// It reads the body beside the stream, piece by piece, and holds nothing back. It judges nothing: in a body that is no
/// JSON it finds nothing, or something odd, which a session's facts survive.
package struct AnsweredPage: Sendable {
    package private(set) var route: String?
    package private(set) var redirectURL: String?
    /// Nothing that comes after this would be looked at.
    package private(set) var isRead = false

    /// A member whose value is wanted.
    private enum Member { case route, data, redirectURL, other }

    private var depth = 0
    /// Whether the container at depth 2 is the object `data`.
    private var isInData = false
    private var member = Member.other
    /// Whether the next string at this depth is a member's name.
    private var isNameNext = false
    private var isInString = false
    private var isEscaping = false
    /// A string that goes on in the next piece.
    private var begun: [UInt8] = []

    /// A longer string is cut; only its beginning is ever compared.
    private static let longestText = 2048

    package init() {}

    /// Reads the next piece of the body.
    package mutating func read(_ bytes: Span<UInt8>, in range: Range<Int>) {
        var index = range.lowerBound
        while index < range.upperBound, !isRead {
            if isInString {
                string(bytes, &index, range.upperBound)
                continue
            }
            switch bytes[index] {
            case UInt8(ascii: "\""):
                isInString = true
                begun.removeAll(keepingCapacity: true)
            case UInt8(ascii: "{"): open(isObject: true)
            case UInt8(ascii: "["): open(isObject: false)
            case UInt8(ascii: "}"), UInt8(ascii: "]"): close()
            case UInt8(ascii: ","): isNameNext = depth == 1 || (depth == 2 && isInData)
            default: break
            }
            index += 1
        }
    }

    private mutating func open(isObject: Bool) {
        depth += 1
        if depth == 2 { isInData = isObject && member == .data }
        isNameNext = isObject && (depth == 1 || (depth == 2 && isInData))
        // An array has no members to look for, and neither has what stands in it.
        if depth == 1, !isObject { isRead = true }
        if depth <= 2 { member = .other }
    }

    private mutating func close() {
        depth -= 1
        if depth == 1 { (isInData, member) = (false, .other) }
        if depth <= 0 { isRead = true }
        isNameNext = false
    }

    /// Reads on in a string, up to its end or that of the piece.
    private mutating func string(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) {
        let start = index
        while index < end {
            let byte = bytes[index]
            if isEscaping {
                isEscaping = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaping = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
                if isWanted { ended(with: bytes, start..<index) }
                index += 1
                return
            }
            index += 1
        }
        if isWanted, begun.count < Self.longestText {
            for index in start..<end { begun.append(bytes[index]) }
        }
    }

    /// Whether the string that is read is a name at a depth of interest, or a value that is wanted.
    private var isWanted: Bool {
        guard depth == 1 || (depth == 2 && isInData) else { return false }
        return isNameNext || member == .route || member == .redirectURL
    }

    private mutating func ended(with bytes: Span<UInt8>, _ range: Range<Int>) {
        // Nearly always the whole string stands in one piece and is taken from there.
        guard begun.isEmpty else {
            for index in range { begun.append(bytes[index]) }
            let whole = begun
            take(whole.span, 0..<whole.count)
            return
        }
        take(bytes, range)
    }

    private mutating func take(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        if isNameNext {
            isNameNext = false
            member = name(bytes, range)
            return
        }
        // What stands for no character, such as half of a pair, is in no route and no address of ours.
        let text = bytes.unescaped(in: range.prefix(Self.longestText), replacement: "\u{FFFD}")
        switch member {
        case .route: route = route ?? text
        case .redirectURL: redirectURL = redirectURL ?? text
        case .data, .other: break
        }
        member = .other
        isRead = route != nil && (route != "session_redirect" || redirectURL != nil)
    }

    private func name(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Member {
        if depth == 2 { return bytes.matches("redirect_url", in: range) ? .redirectURL : .other }
        if bytes.matches("route", in: range) { return .route }
        return bytes.matches("data", in: range) ? .data : .other
    }
}
