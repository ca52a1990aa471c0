package import Core

/// Why a document, such as a key set, could not be read.
package enum DocumentFailure: Error, Hashable, Sendable {
    case noAnswer(TransportFailure)
    /// The rules for calls to its host allow none now.
    case notSent(BFFError)
    /// Anything but a 200; redirects are not followed.
    case status(Int)
    /// It came with a `Content-Encoding`, though `identity` was asked for.
    case encoded(ContentCoding)
    /// It was read and is not what it should be.
    case malformed
}

extension DocumentFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noAnswer(.notConnected): "no connection"
        case .noAnswer(.timedOut): "no answer within 5 s"
        case .noAnswer(.unreadable): "the answer is no HTTP, or longer than 1 MiB"
        case .noAnswer(.broken), .noAnswer(.cancelled): "the connection broke"
        case .noAnswer(.encoded): "it answers with Content-Encoding, though Accept-Encoding: identity was sent"
        case .notSent(let reason): "it was not asked: \(reason.detail)"
        case .status(let status): "it answers \(status)"
        case .encoded(let coding):
            "it answers with Content-Encoding: \(coding.text), though Accept-Encoding: identity was sent"
        case .malformed: "the answer is no key set"
        }
    }
}

/// A `Content-Encoding` other than `identity`.
package struct ContentCoding: Hashable, Sendable {
    /// Of letters, digits, `-` and `_`, at most 20; foreign text stops here.
    let text: String

    /// - Parameter fields: The values of all `Content-Encoding` fields.
    /// - Returns: `nil` when the body is as it was asked for.
    init?(_ fields: [String]) {
        guard let field = fields.first(where: { !$0.utf8.isEmpty && !$0.equalsIgnoringASCIICase("identity") }) else {
            return nil
        }
        text = String(
            decoding: field.utf8.prefix(20).map { $0.isWordByte ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}
