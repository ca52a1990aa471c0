/// Makes identifiers, `<prefix>_` and 24 hex digits, from a seed (SplitMix64): the same seed gives the same sequence.
struct IDSource: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next(_ prefix: String) -> String {
        prefix + "_" + hex(number(), digits: 16) + hex(number(), digits: 8)
    }

    private mutating func number() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    private func hex(_ number: UInt64, digits: Int) -> String {
        let text = String(number, radix: 16)
        return String((String(repeating: "0", count: 16 - text.count) + text).suffix(digits))
    }
}
