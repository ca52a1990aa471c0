import Core
import ConnectPage
package import Edge
package import HTTPTypes

/// An answer, before the headers that every answer carries are added.
package struct Reply: Sendable {
    package var status: HTTPResponse.Status
    package var headers: HTTPFields
    package var body: RoutedResponse.Body
    /// The error that it reports, if any.
    var failure: BFFError?
    /// What its page says; the table makes the page of it, in place of a body.
    var message: MessagePages.Message?

    package init(_ status: HTTPResponse.Status, contentType: String? = nil, body: [UInt8] = []) {
        self.init(status, contentType: contentType, body: .bytes(body))
    }

    init(_ status: HTTPResponse.Status, contentType: String?, body: RoutedResponse.Body) {
        self.status = status
        self.body = body
        headers = [:]
        headers[.contentType] = contentType
    }

    /// JSON that is already bytes.
    package static func json(_ body: [UInt8], status: HTTPResponse.Status = .ok) -> Reply {
        Reply(status, contentType: "application/json; charset=utf-8", body: body)
    }
}
