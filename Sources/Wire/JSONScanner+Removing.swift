import Core

extension JSONScanner {
    /// `json` without any member called `name`, at any depth, every other byte as it was; nil when `json` is not
    /// strict JSON, or repeats the member within one object.
    package static func removing(_ name: String, from json: [UInt8]) -> [UInt8]? {
        var found: [Range<Int>] = []
        let isStrict = scan(json.span) { member, json in
            // An escaped spelling of the name would get through; upstream never writes one.
            if member.name.escaped { return !json.text(in: member.name.range).contains(#"\u"#) }
            if json.matches(name, in: member.name.range) { found.append(member.range) }
            return true
        }
        guard isStrict else { return nil }
        guard !found.isEmpty else { return json }

        var kept = json[...].prefix(0)
        var rest = json[...]
        for member in found.sorted(by: { $0.lowerBound < $1.lowerBound }) where member.lowerBound >= rest.startIndex {
            let cut = cut(member, in: json)
            guard cut.lowerBound >= rest.startIndex else { return nil }
            kept += rest[..<cut.lowerBound]
            rest = rest[cut.upperBound...]
        }
        let result = Array(kept + rest)
        return scan(result.span) ? result : nil
    }

    /// The member together with the comma that goes with it.
    private static func cut(_ member: Range<Int>, in json: [UInt8]) -> Range<Int> {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
        if let next = json[member.upperBound...].firstIndex(where: { !isBlank($0) }), json[next] == UInt8(ascii: ",") {
            let following = json[(next + 1)...].firstIndex(where: { !isBlank($0) }) ?? next + 1
            return member.lowerBound..<following
        }
        if let previous = json[..<member.lowerBound].lastIndex(where: { !isBlank($0) }),
            json[previous] == UInt8(ascii: ",")
        {
            return previous..<member.upperBound
        }
        return member
    }
}
