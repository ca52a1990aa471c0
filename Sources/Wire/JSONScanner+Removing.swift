import Core

extension JSONScanner {
    /// `json` without any member called `name`, at any depth, every other byte as it was; nil when `json` is not
    /// strict JSON.
    package static func removing(_ name: String, from json: [UInt8]) -> [UInt8]? {
        removing(from: json) { member, json in json.matches(name, in: member.name.range) }
    }

    /// `json` without the members that `isUnwanted` picks, at any depth, every other byte as it was; nil when `json` is
    /// not strict JSON.
    package static func removing(
        from json: [UInt8], where isUnwanted: (Member, Span<UInt8>) -> Bool
    ) -> [UInt8]? {
        var found: [Range<Int>] = []
        let isStrict = scan(json.span) { member, json in
            // An escaped spelling of a name would get through; upstream never writes one.
            if member.name.escaped { return !json.text(in: member.name.range).contains(#"\u"#) }
            if isUnwanted(member, json) { found.append(member.range) }
            return true
        }
        guard isStrict else { return nil }
        guard !found.isEmpty else { return json }

        var kept = json[...].prefix(0)
        var rest = json[...]
        for member in found.sorted(by: { $0.lowerBound < $1.lowerBound }) where member.lowerBound >= rest.startIndex {
            kept += rest[..<member.lowerBound]
            rest = rest[member.upperBound...]
            if let next = rest.firstIndex(where: { !$0.isJSONBlank }), rest[next] == UInt8(ascii: ",") {
                rest = rest[(next + 1)...].drop(while: \.isJSONBlank)
            } else if let last = kept.lastIndex(where: { !$0.isJSONBlank }), kept[last] == UInt8(ascii: ",") {
                // The last one of its object: the comma before it goes.
                kept = kept[..<last]
            }
        }
        let result = Array(kept + rest)
        return scan(result.span) ? result : nil
    }
}
