import Core
import FoundationEssentials
package import HTTPTypes
import Networking
import Relay
import Sessions

extension Reply {
    /// An object of ours as JSON.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws(BFFError) -> Reply {
        json(try JSONBody.encode(value), status: status)
    }

    /// A page without scripts or styles.
    ///
    /// `title` and `text` must be of our own making.
    package static func page(_ title: String, _ text: String, status: HTTPResponse.Status = .ok) -> Reply {
        let html = """
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>\(title)</title><h1>\(title)</h1><p>\(text)</p></html>

            """
        return Reply(status, contentType: "text/html; charset=utf-8", body: Array(html.utf8))
    }

    /// An error in the words of `dialect`.
    static func failure(
        _ error: BFFError, in dialect: RoutePolicy.Dialect, id: RequestID, connectToken: ConnectToken? = nil
    ) -> Reply {
        let status = HTTPResponse.Status(code: error.status)
        var reply: Reply
        switch dialect {
        case .problem:
            reply = Reply(
                status, contentType: "application/problem+json; charset=utf-8",
                body: (try? JSONBody.encode(Problem(error, id: id))) ?? [])
        case .connect:
            reply = json(
                (try? JSONBody.encode(ConnectError(error, connectToken: connectToken, requestID: id))) ?? [],
                status: status)
        case .page:
            let text = error.customerText
            reply = page(text.title, "\(text.detail) (\(id))", status: status)
        }
        reply.failure = error
        if let seconds = error.retryAfter { reply.headers[.retryAfter] = String(seconds) }
        return reply
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
