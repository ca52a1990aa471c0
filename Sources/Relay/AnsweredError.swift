import Core
import Edge
import FoundationEssentials
import Networking
import Sessions
import Wire

/// What a Connect web app gets of an answer of Flatpeak's with a status of 400 or more: always an error object with
/// `message`, `code` and a `request_id` that the log of this service knows (upstream.md §4.5 and §10).
///
/// - A documented error object with a `request_id` of Flatpeak's passes byte for byte; the log names that id beside ours.
/// - One without gets ours, and is otherwise the same, byte for byte.
/// - Anything else (a bare `{message}`, the page of a proxy, nothing at all) is wrapped. Flatpeak's `message` and `code`
///   are kept where it gave any.
struct AnsweredError {
    /// Flatpeak's, or 502 in place of one that is about a connection.
    let status: Int
    let body: [UInt8]
    /// The code of ours for an answer that was wrapped; nil for an error object of Flatpeak's.
    let code: String?
    /// Flatpeak's id of the request, where the web app reads that one.
    let upstreamRequest: String?

    /// A longer body is not read; the longest error object of Flatpeak's has well under 1 KiB.
    static let longestBody = 64 << 10
    private static let longestMessage = 1000
    /// A browser takes 407 of its own proxy alone, and hides any other; it repeats a call by itself that was answered with
    /// 408, 421 or 425 (RFC 9110 sections 15.5.8, 15.5.9 and 15.5.20, RFC 8470 section 5.2), and no step may run twice.
    private static let ofConnections: Set<Int> = [407, 408, 421, 425]

    /// - Parameter json: The whole body; nil when it is no JSON, is too long, or did not arrive whole.
    init(_ json: [UInt8]?, status: Int, retryAfter: Int?, connectToken: ConnectToken?, requestID: RequestID) {
        self.status = Self.ofConnections.contains(status) ? 502 : status
        let members = json.flatMap { Members($0.span) }
        if let json, let members, members.isErrorObject {
            if let id = members.requestID.text(in: json), Self.isRequestID(id) {
                (body, code, upstreamRequest) = (json, nil, id)
                return
            }
            let ours = Array("\"\(requestID.text)\"".utf8)
            if let value = members.requestID.value {
                body = json[..<value.lowerBound] + ours + json[value.upperBound...]
            } else {
                body =
                    json[...members.brace] + Array("\"request_id\":".utf8) + ours + [UInt8(ascii: ",")]
                    + json[(members.brace + 1)...]
            }
            (code, upstreamRequest) = (nil, nil)
            return
        }
        let error = Self.error(status, isJSON: json != nil, retryAfter: retryAfter)
        let said = json.flatMap { json in members?.message.text(in: json) }
        let message = said.flatMap { $0.utf8.count <= Self.longestMessage && $0.utf8.contains { $0 > 0x20 } ? $0 : nil }
        let given = json.flatMap { json in members?.code.text(in: json) }.flatMap { BFFError.UpstreamCode($0) }
        let object = ConnectError(
            status: self.status, code: given?.text ?? error.code, message: message ?? ConnectError.message(error),
            connectToken: connectToken, requestID: requestID)
        (body, code, upstreamRequest) = ((try? JSONBody.encode(object)) ?? [], error.code, nil)
    }

    private static func error(_ status: Int, isJSON: Bool, retryAfter: Int?) -> BFFError {
        switch status {
        // What Flatpeak refuses, it refuses in JSON.
        case 401, 403, 407, 451: isJSON ? .upstreamRefused(status: status, code: nil) : .upstreamBlocked(status: status)
        case 429: .upstreamLimited(retryAfter: retryAfter)
        case 500...: .upstreamFailed(status: status)
        default: .upstreamRefused(status: status, code: nil)
        }
    }

    /// Whether a log line can hold it, and it does not look like a connect token.
    private static func isRequestID(_ text: String) -> Bool {
        let bytes = text.utf8
        return (1...128).contains(bytes.count)
            && bytes.allSatisfy { $0.isWordByte || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") }
            && ConnectToken.masked(text).utf8.elementsEqual(bytes)
    }

    /// What the outermost object of a strict JSON text says of an error.
    private struct Members {
        var object = Member(), type = Member(), code = Member(), message = Member(), requestID = Member()
        /// Where the object begins.
        let brace: Int

        /// Nil when `json` is no strict JSON object, or two readers could disagree about these members.
        init?(_ json: Span<UInt8>) {
            guard let brace = json.indices.first(where: { json[$0] > 0x20 }), json[brace] == UInt8(ascii: "{") else {
                return nil
            }
            self.brace = brace
            var (object, type, code, message, requestID) = (object, type, code, message, requestID)
            let isStrict = JSONScanner.scan(json) { member, json in
                guard member.depth == 0 else { return true }
                if member.name.escaped { return false }
                let name = member.name.range
                if json.matches("object", in: name) { return object.take(member) }
                if json.matches("type", in: name) { return type.take(member) }
                if json.matches("code", in: name) { return code.take(member) }
                if json.matches("message", in: name) { return message.take(member) }
                if json.matches("request_id", in: name) { return requestID.take(member) }
                return true
            }
            guard isStrict else { return nil }
            (self.object, self.type, self.code, self.message, self.requestID) = (object, type, code, message, requestID)
            isErrorObject =
                object.string.map { !$0.escaped && json.matches("error", in: $0.range) } ?? false
                && type.isText && code.isText && message.isText
        }

        private(set) var isErrorObject = false
    }

    private struct Member {
        private(set) var value: Range<Int>?
        private(set) var string: JSONScanner.Text?

        /// - Returns: Whether it is the first one of its name.
        mutating func take(_ member: JSONScanner.Member) -> Bool {
            guard value == nil else { return false }
            (value, string) = (member.value, member.string)
            return true
        }

        var isText: Bool { string.map { !$0.range.isEmpty } ?? false }

        /// The text of a string; nil for every other value.
        func text(in json: [UInt8]) -> String? {
            guard let value, string != nil else { return nil }
            return try? JSONDecoder().decode(String.self, from: Data(json[value]))
        }
    }
}
