package import Core
package import HTTPTypes
import HummingbirdCore

/// A request as handlers see it: bounded, checked against its route's policy, and with a name.
package struct Exchange: Sendable {
    package let id: RequestID
    package let head: HTTPRequest
    /// The body, whole; empty on routes that take none.
    package let body: [UInt8]
    let parameters: [String: String]
    let query: [(name: String, value: String)]

    /// An identifier from the path.
    ///
    /// One that could not exist answers as one that does not.
    package func identifier<Kind>(_ name: String, of kind: Kind.Type = Kind.self) throws(BFFError) -> Identifier<Kind> {
        guard let id = parameters[name].flatMap({ Identifier<Kind>($0) }) else { throw .notFound }
        return id
    }

    /// A query item; given twice it is malformed, because two readers could disagree about it.
    package func queryItem(_ name: String) throws(BFFError) -> String? {
        // Written in another case it is one to some readers and none to others.
        let values = query.filter { $0.name.equalsIgnoringASCIICase(name) }
        guard values.count <= 1, values.allSatisfy({ $0.name.equalsBytes(of: name) }) else {
            throw .invalidField(.init(name), reason: .malformed)
        }
        return values.first?.value
    }

    /// A query item that is one of a closed set.
    package func queryItem<Value: RawRepresentable<String>>(
        _ name: String, as type: Value.Type
    ) throws(BFFError) -> Value? {
        guard let text = try queryItem(name) else { return nil }
        guard let value = Value(rawValue: text) else { throw .invalidField(.init(name), reason: .notListed) }
        return value
    }

    /// A query item that is an identifier.
    package func queryItem<Kind>(_ name: String, identifying kind: Kind.Type) throws(BFFError) -> Identifier<Kind>? {
        guard let text = try queryItem(name) else { return nil }
        guard let id = Identifier<Kind>(text) else { throw .invalidField(.init(name), reason: .malformed) }
        return id
    }
}

/// An answer, before the headers that every answer carries are added.
package struct Reply: Sendable {
    package var status: HTTPResponse.Status
    package var headers: HTTPFields
    package var body: [UInt8]
    /// The error that it reports, if any.
    var failure: BFFError?
    /// Sends the body piece by piece, as it comes about, instead of ``body``.
    var stream: ResponseBody?

    package init(_ status: HTTPResponse.Status, contentType: String? = nil, body: [UInt8] = []) {
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
