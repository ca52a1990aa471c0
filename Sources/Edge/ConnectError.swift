package import Core
import FoundationEssentials

/// Flatpeak's error object (upstream.md §4.5), the dialect of the relay: the web app shows `message` and
/// `request_id` of it and looks at nothing else (upstream.md §10).
package struct ConnectError: Encodable, Sendable {
    private let object = "error"
    private let type: String
    private let code: String
    private let message: String
    private let connect_token: String?
    private let request_id: String

    private enum CodingKeys: String, CodingKey {
        case object, type, code, message, connect_token, request_id
    }

    /// An error of this service.
    package init(_ error: BFFError, connectToken: ConnectToken?, requestID: RequestID) {
        self.init(
            status: error.status, code: error.code, message: Self.message(error), connectToken: connectToken,
            requestID: requestID)
    }

    package init(status: Int, code: String, message: String, connectToken: ConnectToken?, requestID: RequestID) {
        type =
            switch status {
            case 429: "rate_limit"
            case 500...: "api_error"
            default: "invalid_request"
            }
        self.code = code
        self.message = message
        connect_token = connectToken?.exposed
        request_id = requestID.text
    }

    /// A customer reads it.
    package static func message(_ error: BFFError) -> String {
        let text = error.customerText
        return "\(text.title). \(text.detail)"
    }
}
