import Core
import HTTPTypes
import Wire

extension HTTPRequest {
    /// A request as handlers read it.
    /// - Parameters:
    ///   - method: A token, as the reader of heads found.
    ///   - target: Path and query.
    init(_ head: RequestHead, in bytes: Span<UInt8>, method: String, target: String) {
        var fields = HTTPFields()
        var authority: String?
        for field in head.fields {
            guard let name = HTTPField.Name(bytes.text(in: field.name)) else { continue }
            let value = bytes.text(in: field.value)
            if name.isHost { authority = value } else { fields.append(HTTPField(name: name, value: value)) }
        }
        self.init(
            method: HTTPRequest.Method(method) ?? .get, scheme: nil, authority: authority, path: target,
            headerFields: fields)
    }
}

extension HTTPField.Name {
    fileprivate var isHost: Bool { canonicalName.equalsBytes(of: "host") }
}
