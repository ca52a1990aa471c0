import ConnectPage
import Core
import Edge
import HTTPTypes
import Networking
import Sessions

extension Reply {
    /// An object of ours as JSON.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws(BFFError) -> Reply {
        json(try JSONBody.encode(value), status: status)
    }

    /// A page for a customer.
    static func page(_ message: MessagePages.Message, status: HTTPResponse.Status = .ok) -> Reply {
        var reply = Reply(status)
        reply.message = message
        return reply
    }

    /// An error in the form of `dialect`.
    static func failure(
        _ error: BFFError, in dialect: ErrorDialect, id: RequestID, connectToken: ConnectToken? = nil
    ) -> Reply {
        let response = ErrorResponse(error, in: dialect, id: id, connectToken: connectToken) { [] }
        var reply = Reply(
            HTTPResponse.Status(code: error.status), contentType: response.contentType, body: response.body)
        reply.failure = error
        if dialect == .page { reply.message = .failure(error, id) }
        if let seconds = error.retryAfter { reply.headers[.retryAfter] = String(seconds) }
        return reply
    }

    /// Lets scripts of a listed origin read the reply.
    mutating func mark(_ crossOrigin: CrossOrigin, for head: HTTPRequest) {
        for field in crossOrigin.fields(for: head.headerFields[.origin]) { headers[field.name] = field.value }
    }

    /// The answer to a preflight; an origin that is not listed learns nothing from it.
    static func preflight(_ crossOrigin: CrossOrigin, from origin: String?, methods: [HTTPRequest.Method]) -> Reply {
        var reply = Reply(.noContent)
        for field in crossOrigin.preflightFields(for: origin, methods: methods) {
            reply.headers[field.name] = field.value
        }
        return reply
    }

    /// Says where the sender stands (draft-ietf-httpapi-ratelimit-headers).
    mutating func mark(_ verdict: RequestLimits.Verdict) {
        for field in verdict.fields { headers[field.name] = field.value }
    }
}
