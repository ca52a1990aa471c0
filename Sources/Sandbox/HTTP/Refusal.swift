/// A request that is turned down: an error object where it has a code, a bare `{message}` where it has none.
struct Refusal: Error, Equatable {
    /// The `type` of an error object (upstream.md §4.5).
    enum Kind: String {
        case invalidRequest = "invalid_request"
        case rateLimit = "rate_limit"
        case apiError = "api_error"
    }

    var status = 400
    var code: String?
    var message: String
    var kind = Kind.invalidRequest

    /// A validation error: 400 with an error object.
    static func invalid(_ code: String, _ message: String) -> Refusal { Refusal(code: code, message: message) }

    /// An answer that validation allows and the state of things forbids: 422 with an error object.
    static func unprocessable(_ code: String, _ message: String) -> Refusal {
        Refusal(status: 422, code: code, message: message)
    }

    /// The code where only the status says what is wrong (a choice: the documents have none).
    var codeOfStatus: String {
        switch status {
        case 403: "forbidden"
        case 404: "not_found"
        case 405: "method_not_allowed"
        case 409: "conflict"
        default: "request_invalid"
        }
    }

    static func bare(_ status: Int, _ message: String) -> Refusal { Refusal(status: status, message: message) }

    static let accountDisabled = Refusal(
        status: 422, code: "account_disabled", message: "Your account is disabled", kind: .apiError)

    static let notFound = bare(404, "Not Found")

    static func dataInvalid(_ detail: String) -> Refusal {
        invalid("data_json_invalid", "Data does not conform to the JSON schema: " + detail)
    }
}
