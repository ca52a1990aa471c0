// What the scanner reports lies within the document, the envelope accepts nothing that the scanner refuses, and a
// document without a member is the same document otherwise.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let json = Array(UnsafeBufferPointer(start: data, count: size))
    var members = 0, escaped = 0
    let isStrict = JSONScanner.scan(json.span) { member, json in
        members += 1
        if member.name.escaped { escaped += 1 }
        precondition(0 < member.name.range.lowerBound && member.range.upperBound <= json.count)
        precondition(member.name.range.upperBound < member.value.lowerBound && !member.value.isEmpty)
        precondition(json[member.range.lowerBound] == UInt8(ascii: "\""))
        precondition(member.string.map { member.value == $0.range.lowerBound - 1..<$0.range.upperBound + 1 } ?? true)
        return true
    }
    if let envelope = try? Envelope(json.span) {
        precondition(isStrict && members > 0)
        precondition((1...128).contains(envelope.connectToken.exposed.utf8.count))
        precondition(json.span.holds(Array(envelope.connectToken.exposed.utf8)))
    }
    let value = JSONValue(json)
    precondition((value != nil) == isStrict)
    if let value { walk(value) }
    guard let rest = JSONScanner.removing("account_id", from: json) else {
        // Perhaps there under another spelling: nothing else is refused.
        precondition(!isStrict || escaped > 0)
        return 0
    }
    precondition(isStrict)
    var left = 0
    let isStillStrict = JSONScanner.scan(rest.span) { member, json in
        left += 1
        return !json.matches("account_id", in: member.name.range)
    }
    precondition(isStillStrict && left <= members && rest.count <= json.count)
    precondition(JSONScanner.removing("account_id", from: rest) == rest)
    if left == members { precondition(rest == json) }
    return 0
}

/// Each part of a value is a value.
private func walk(_ value: JSONValue) {
    let bytes = Array(value.bytes)
    let isStrict = JSONScanner.scan(bytes.span)
    precondition(isStrict)
    for member in (value.members ?? [:]).values { walk(member) }
    for element in value.elements ?? [] { walk(element) }
}

extension Span<UInt8> {
    fileprivate func holds(_ word: [UInt8]) -> Bool {
        guard word.count <= count else { return false }
        return (0...count - word.count).contains { start in word.indices.allSatisfy { self[start + $0] == word[$0] } }
    }
}
