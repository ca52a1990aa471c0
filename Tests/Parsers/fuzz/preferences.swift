// A list of weighted items is the same list however it is spelled, and the language of a customer is that of the first
// item with the highest weight that names one. The input is the value of a header such as Accept-Language.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let header = String(decoding: UnsafeBufferPointer(start: data, count: size), as: UTF8.self)
    let items = WeightedItem.list(header)
    precondition(items.count <= header.utf8.count { $0 == UInt8(ascii: ",") } + 1)
    for item in items {
        precondition((0...1000).contains(item.weight), "\(item)")
        precondition(!item.value.isEmpty, "\(item)")
        precondition(item.value.utf8.allSatisfy { !$0.isBlank && $0 == $0.lowercasedASCII }, "\(item)")
        precondition(!item.value.utf8.contains { [UInt8(ascii: ","), UInt8(ascii: ";")].contains($0) }, "\(item)")
    }

    // Blanks and letters of the other case say nothing more, and neither does a list around it.
    var spelled: [UInt8] = []
    for byte in header.utf8 {
        if byte < 0x80 { spelled += [UInt8(ascii: "\t"), UInt8(ascii: " ")] }
        spelled.append((UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte - 0x20 : byte)
    }
    precondition(WeightedItem.list(String(decoding: spelled, as: UTF8.self)) == items, "\(header)")
    precondition(WeightedItem.list(",\(header), ,\(header)") == items + items, "\(header)")
    // What was read, written once more.
    let written = items.map { "\($0.value);q=\($0.weight / 1000).\(digits($0.weight % 1000))" }
    precondition(WeightedItem.list(written.joined(separator: ",")) == items, "\(written)")

    // In the order of their weights; those of one weight stay in theirs.
    let ordered = items.indices.filter { items[$0].weight > 0 }
        .sorted { (items[$1].weight, $0) < (items[$0].weight, $1) }
    let expected = ordered.lazy.compactMap { CustomerLanguage(tag: items[$0].value) }.first ?? .english
    precondition(CustomerLanguage(acceptLanguage: header) == expected, "\(header)")
    if let language = CustomerLanguage(tag: header) {
        precondition(header.utf8.prefix(2).map(\.lowercasedASCII) == Array(language.rawValue.utf8), "\(header)")
        precondition(header.utf8.count == 2 || header.utf8.dropFirst(2).first == UInt8(ascii: "-"), "\(header)")
    }
    return 0
}

private func digits(_ thousandths: Int) -> String {
    String("00\(thousandths)".suffix(3))
}
