/// Whether a `Content-Type` declares JSON, with or without parameters.
package func isJSON(contentType: String?) -> Bool {
    guard let type = contentType?.prefix(while: { $0 != ";" }) else { return false }
    return type.filter { $0 != " " }.lowercased() == "application/json"
}
