package import Core
import Networking

/// An error in the dialect of its route.
package struct ErrorResponse: Sendable {
    package let contentType: String
    package let body: [UInt8]

    /// - Parameter connectToken: The session that the error is about, for the dialect that names it.
    package init(_ error: BFFError, in dialect: ErrorDialect, id: RequestID, connectToken: ConnectToken? = nil) {
        switch dialect {
        case .problem:
            contentType = "application/problem+json; charset=utf-8"
            body = (try? JSONBody.encode(Problem(error, id: id))) ?? []
        case .connect:
            contentType = "application/json; charset=utf-8"
            body = (try? JSONBody.encode(ConnectError(error, connectToken: connectToken, requestID: id))) ?? []
        case .page:
            let text = error.customerText
            contentType = "text/html; charset=utf-8"
            body = Self.page(text.title, "\(text.detail) (\(id))")
        }
    }

    /// A page without scripts or styles.
    ///
    /// `title` and `text` must be of our own making.
    package static func page(_ title: String, _ text: String) -> [UInt8] {
        let html = """
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>\(title)</title><main><h1>\(title)</h1><p>\(text)</p></main></html>

            """
        return Array(html.utf8)
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
