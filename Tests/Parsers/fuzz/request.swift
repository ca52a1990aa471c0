// A plain request is what a reader of lines makes of it, wherever that reader looks for its end; and no byte may be
// missing or left over.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: data, count: size))
    var fields: [[UInt8]] = []
    guard let request = plain(input, field: { fields += [$0, $1] }) else { return 0 }

    let end = (0..<input.count).first { input[$0...].starts(with: "\r\n\r\n".utf8) }
    guard let end else { preconditionFailure("it has no end") }
    let head = String(decoding: input[..<end], as: UTF8.self)
    // Of what readers disagree about, there is nothing.
    precondition(head.utf8.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 0x0D || $0 == 0x0A })
    let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
    precondition(lines.allSatisfy { line in !line.contains { $0.isNewline } && line.first != " " && line.last != " " })

    let words = lines[0].split(separator: " ", omittingEmptySubsequences: false)
    precondition(words.count == 3 && words[2] == "HTTP/1.1" && words[1].hasPrefix("/"), "\(lines[0])")
    precondition(["POST", "GET", "DELETE", "OPTIONS", "HEAD"].contains(words[0]))
    precondition(input[request.method].elementsEqual(words[0].utf8))
    precondition(input[request.target].elementsEqual(words[1].utf8))

    let read = lines.dropFirst().map { line in
        let colon = line.firstIndex(of: ":") ?? line.endIndex
        return (name: line[..<colon], value: line[colon...].dropFirst().drop { $0 == " " })
    }
    precondition(fields == read.flatMap { [Array($0.name.utf8), Array($0.value.utf8)] }, "\(lines)")
    let values = { (name: String) in read.filter { $0.name.lowercased() == name }.map(\.value) }
    precondition(read.allSatisfy { !$0.name.isEmpty && !$0.value.isEmpty && !$0.name.contains { "_ \t".contains($0) } })
    precondition(values("host").count == 1 && values("content-length").count < 2)
    precondition(values("connection").allSatisfy { $0.lowercased() == "keep-alive" })
    for name in ["transfer-encoding", "upgrade", "expect", "te", "trailer", "proxy-connection"] {
        precondition(values(name).isEmpty, name)
    }
    let length = values("content-length").first.map { Int($0) ?? -1 } ?? 0
    precondition(values("content-length").allSatisfy { String(length) == $0 })
    precondition(request.body == end + 4..<input.count && request.body.count == length)

    precondition(plain(Array(input.dropLast())) { _, _ in } == nil, "a part is no request")
    precondition(plain(input + [0x47]) { _, _ in } == nil, "more is no request")
    return 0
}

private func plain(_ input: [UInt8], field: ([UInt8], [UInt8]) -> Void) -> PlainRequest? {
    PlainRequest.read(input.span) { name, value, _ in field(Array(input[name]), Array(input[value])) }
}
