import Glibc

// Addresses are those of inet_pton, and a range holds what agrees with it bit by bit. The input is ADDRESS or
// RANGE;ADDRESS.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: data, count: size))
    let parts = input.split(separator: UInt8(ascii: ";"), maxSplits: 1, omittingEmptySubsequences: false)
    let text = String(decoding: parts.last ?? [], as: UTF8.self)
    let address = IPAddress(text)
    precondition(address?.bytes == bytes(of: text), "\(text)")
    guard parts.count == 2, let address else { return 0 }

    let rangeText = String(decoding: parts[0], as: UTF8.self)
    guard let range = AddressRange(rangeText) else { return 0 }
    let sides = rangeText.split(separator: "/")
    guard let base = bytes(of: String(sides[0])) else { preconditionFailure("\(rangeText)") }
    let length = sides.count == 2 ? Int(sides[1]) ?? -1 : base.count * 8
    precondition((0...base.count * 8).contains(length), "\(rangeText)")
    let holds = base.count == address.bytes.count && bits(base).prefix(length) == bits(address.bytes).prefix(length)
    precondition(range.contains(address) == holds, "\(rangeText) \(text)")
    return 0
}

/// What the C library makes of it, with an IPv4 address in IPv6's clothes taken for what it is.
private func bytes(of text: String) -> [UInt8]? {
    guard !text.utf8.contains(0) else { return nil }
    var four = [UInt8](repeating: 0, count: 4)
    if inet_pton(AF_INET, text, &four) == 1 { return four }
    var sixteen = [UInt8](repeating: 0, count: 16)
    guard inet_pton(AF_INET6, text, &sixteen) == 1 else { return nil }
    let isMapped = sixteen.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]
    return isMapped ? Array(sixteen.suffix(4)) : sixteen
}

private func bits(_ bytes: [UInt8]) -> [Bool] {
    bytes.flatMap { byte in (0..<8).map { byte & (0x80 >> UInt8($0)) != 0 } }
}
