import Foundation

/// What is known of an answer before its body.
struct AnswerHead: Sendable {
    let status: Int
    /// The type of `Content-Type` without parameters, in lower case.
    let mediaType: String?
    /// `X-Request-Id`.
    let requestID: String?
    /// `Retry-After`, in seconds.
    let retryAfter: TimeInterval?

    /// - Parameter headers: By their names in lower case.
    init(status: Int, headers: [String: String] = [:]) {
        self.status = status
        mediaType = headers["content-type"].map { type in
            String(decoding: type.utf8.prefix { $0 != 0x3B }, as: UTF8.self)
                .trimmingCharacters(in: .whitespaces).lowercasedASCII
        }
        requestID = headers["x-request-id"]
        retryAfter = headers["retry-after"].flatMap { UInt32($0) }.map { TimeInterval($0) }
    }
}

/// A request of the contract, without the customer's credential.
struct Call: Sendable {
    let method: String
    /// Below the service's address, percent-encoded.
    let path: String
    /// Percent-encoded.
    let query: String?
    var body: Data?
    var headers: [String: String] = [:]
    /// Whether it is sent again where its answer was lost or asks for that.
    var isRepeatable = true
    /// The seconds without a byte after which there is no answer.
    var idle: TimeInterval = 30

    /// - Parameters:
    ///   - path: What follows `/v1`, each segment as it is.
    ///   - query: What is nil is left out.
    init(_ method: String, _ path: String..., query: [(String, String?)] = []) {
        self.init(method, path, query: query)
    }

    init(_ method: String, _ path: [String], query: [(String, String?)] = []) {
        self.method = method
        self.path = "/v1" + path.map { "/" + Self.encode($0) }.joined()
        let pairs = query.compactMap { name, value in value.map { "\(name)=\(Self.encode($0))" } }
        self.query = pairs.isEmpty ? nil : pairs.joined(separator: "&")
    }

    /// Whether a header can hold a text of the app's: a line break in it would be another header, and some systems quote
    /// what they refuse in their errors.
    static func isHeaderValue(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy(isVisible) }

    /// Whether it is a visible character of ASCII.
    static func isVisible(_ byte: UInt8) -> Bool { (0x21...0x7E).contains(byte) }

    private static func encode(_ text: String) -> String {
        let unreserved = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }
}

/// Sends requests.
protocol Transport: Sendable {
    /// Sends a request once.
    /// - Returns: The head, and the body in the chunks that arrive. Ending the iteration ends the exchange.
    /// - Throws: `ConnectError` where there is no answer, as the body does when it breaks off.
    func send(_ call: Call, bearer: String) async throws -> (AnswerHead, AsyncThrowingStream<Data, any Error>)
}

extension String {
    /// The text with the letters of ASCII in lower case, and no others: a Kelvin sign is no `k`.
    var lowercasedASCII: String {
        String(decoding: utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}
