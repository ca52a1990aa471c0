package import Core
import Networking

/// An error in the dialect of its route.
package struct ErrorResponse: Sendable {
    package let contentType: String
    package let body: [UInt8]

    /// - Parameters:
    ///   - connectToken: The session that the error is about, for the dialect that names it.
    ///   - page: Makes the page, for the dialect that is one.
    package init(
        _ error: BFFError, in dialect: ErrorDialect, id: RequestID, connectToken: ConnectToken? = nil,
        page: () -> [UInt8]
    ) {
        switch dialect {
        case .problem:
            contentType = "application/problem+json; charset=utf-8"
            body = (try? JSONBody.encode(Problem(error, id: id))) ?? []
        case .connect:
            contentType = "application/json; charset=utf-8"
            body = (try? JSONBody.encode(ConnectError(error, connectToken: connectToken, requestID: id))) ?? []
        case .page:
            contentType = "text/html; charset=utf-8"
            body = page()
        }
    }
}

/// An error as RFC 9457 problem details.
private struct Problem: Encodable {
    let type: String
    let title: String
    let status: Int
    let detail: String
    let code: String
    let request_id: String

    init(_ error: BFFError, id: RequestID) {
        type = "urn:connect-bff:problem:\(error.code)"
        title = error.title
        status = error.status
        detail = error.detail
        code = error.code
        request_id = id.text
    }
}
