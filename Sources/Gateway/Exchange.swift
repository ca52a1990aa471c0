package import Core
import Edge
package import HTTPTypes
package import Resilience
import Sessions

/// A request as handlers see it: bounded, checked against its route's policy, and with a name.
package struct Exchange: Sendable {
    package let id: RequestID
    package let head: HTTPRequest
    /// The body, whole; empty on routes that take none.
    package let body: [UInt8]
    /// The client by its address, for what a route without users shares out.
    package let client: CallerKey
    /// Whether a service key authenticated the request; false on routes where that makes no difference.
    package let isByOwnBackend: Bool
    let parameters: [String: String]

    /// An identifier from the path.
    ///
    /// One that could not exist answers as one that does not.
    package func identifier<Kind>(_ name: String, of kind: Kind.Type = Kind.self) throws(BFFError) -> Identifier<Kind> {
        guard let id = parameters[name].flatMap({ Identifier<Kind>($0) }) else { throw .notFound }
        return id
    }

    /// The client's name for what it asks for, under which a repeated request gets the first answer.
    func idempotencyKey() throws(BFFError) -> IdempotencyKey? {
        let values = head.headerFields[values: .idempotencyKey]
        guard let value = values.first else { return nil }
        guard values.count == 1, let key = IdempotencyKey(value) else {
            throw .invalidField("Idempotency-Key", reason: .malformed)
        }
        return key
    }

    /// A query item; given twice it is malformed, because two readers could disagree about it.
    package func queryItem(_ name: String) throws(BFFError) -> String? { try head.queryItem(name) }

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

    /// A query item that is a date and time.
    func instant(_ name: String) throws(BFFError) -> RFC3339Timestamp? {
        guard let text = try queryItem(name) else { return nil }
        guard let instant = RFC3339Timestamp(text) else { throw .invalidField(.init(name), reason: .notTimestamp) }
        return instant
    }

    /// A query item that is a date and time, and has to be there.
    func requiredInstant(_ name: String) throws(BFFError) -> RFC3339Timestamp {
        guard let instant = try instant(name) else { throw .invalidField(.init(name), reason: .missing) }
        return instant
    }

    /// A query item that is a number in digits.
    func number(_ name: String) throws(BFFError) -> Double? {
        guard let text = try queryItem(name) else { return nil }
        // `Double` takes hexadecimal digits, infinity and others, too.
        let isPlain = text.utf8.allSatisfy { byte in
            byte &- UInt8(ascii: "0") < 10 || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
        }
        guard isPlain, text.utf8.count <= 32, let number = Double(text) else {
            throw .invalidField(.init(name), reason: .malformed)
        }
        return number
    }
}

extension HTTPRequest {
    func queryItem(_ name: String) throws(BFFError) -> String? {
        // Written in another case it is one to some readers and none to others.
        let values = query.filter { $0.name.equalsIgnoringASCIICase(name) }
        guard values.count <= 1, values.allSatisfy({ $0.name.equalsBytes(of: name) }) else {
            throw .invalidField(.init(name), reason: .malformed)
        }
        return values.first?.value
    }

    /// The items of the query, values percent-decoded where that gives text.
    fileprivate var query: [(name: Substring, value: String)] {
        guard let path, let start = path.utf8.firstIndex(of: UInt8(ascii: "?")) else { return [] }
        return path[path.utf8.index(after: start)...].splitBytes(at: "&").filter { !$0.isEmpty }.map { item in
            let parts = item.splitBytes(at: "=", maxSplits: 1)
            let value = parts.count == 2 ? parts[1] : ""
            return (parts[0], value.percentDecoded ?? String(value))
        }
    }
}

extension Substring {
    /// `nil` where an escape is malformed, or the bytes are not UTF-8.
    fileprivate var percentDecoded: String? {
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst()?.hexValue, let low = rest.popFirst()?.hexValue else { return nil }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension UInt8 {
    fileprivate var hexValue: UInt8? {
        Character(Unicode.Scalar(self)).hexDigitValue.map(UInt8.init(truncatingIfNeeded:))
    }
}
