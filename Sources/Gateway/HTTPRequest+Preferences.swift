import Core
import HTTPTypes

/// What a client prefers among the forms of an answer.
extension HTTPRequest {
    /// Whether the client asks for JSON and not for a page (RFC 9110 section 12.5.1).
    var prefersJSON: Bool {
        let items = WeightedItem.list(headerFields[values: .accept].joined(separator: ","))
        let weight = { (type: String) in items.first { $0.value.equalsBytes(of: type) }?.weight ?? 0 }
        return weight("application/json") > weight("text/html")
    }

    /// The language of `?lang=`, or else of the browser.
    var customerLanguage: CustomerLanguage {
        // What cannot be read says nothing, and no customer should see an error for it.
        if let language = (try? queryItem("lang")).flatMap({ $0 }).flatMap({ CustomerLanguage(tag: $0) }) {
            return language
        }
        return CustomerLanguage(acceptLanguage: headerFields[values: .acceptLanguage].joined(separator: ","))
    }
}
