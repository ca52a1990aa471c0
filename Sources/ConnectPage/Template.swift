/// A document with `{{name}}` for what differs from service to service.
struct Template {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The document with each place filled by its value; a value is not searched for places.
    ///
    /// A place without a value stays as it is.
    func filled(with values: [String: String]) -> [UInt8] {
        var filled: [UInt8] = []
        var rest = bytes[...]
        while let open = rest.firstRange(of: Array("{{".utf8)),
            let close = rest[open.upperBound...].firstRange(of: Array("}}".utf8))
        {
            let value = values[String(decoding: rest[open.upperBound..<close.lowerBound], as: UTF8.self)]
            filled += rest[..<open.lowerBound]
            filled += value.map { Array($0.utf8)[...] } ?? rest[open.lowerBound..<close.upperBound]
            rest = rest[close.upperBound...]
        }
        return filled + rest
    }
}
