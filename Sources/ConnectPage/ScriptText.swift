import Core

/// A script or style sheet as it travels.
enum ScriptText {
    /// Removes the lines that hold nothing but a comment: a quarter of what a first visit would load.
    ///
    /// A comment counts where it begins a line, after blanks, with `//`, or with `/*` and a `*/` that ends a line. No line
    /// within a string or template literal of the page begins so; `Tests/Page/comments.test.mjs` proves it.
    static func withoutComments(_ bytes: [UInt8]) -> [UInt8] {
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        var rest = bytes[...]
        while !rest.isEmpty {
            let line = rest.prefix(
                through: rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.index(before: rest.endIndex))
            let text = line.drop(while: \.isBlank)
            if text.starts(with: "//".utf8) {
                rest = rest[line.endIndex...]
            } else if text.starts(with: "/*".utf8), let end = endOfBlock(in: bytes[text.startIndex...]) {
                rest = rest[end...]
            } else {
                kept += line
                rest = rest[line.endIndex...]
            }
        }
        return kept
    }

    /// The start of the line after a block comment; `nil` where something else is on the comment's last line.
    private static func endOfBlock(in text: ArraySlice<UInt8>) -> Int? {
        guard let mark = text.dropFirst(2).firstRange(of: "*/".utf8) else { return nil }
        let after = text[mark.upperBound...].drop(while: \.isBlank)
        guard let next = after.first else { return after.endIndex }
        return next == UInt8(ascii: "\n") ? after.index(after: after.startIndex) : nil
    }

    /// The files that a module of the page imports when it is loaded, in their order: `'./NAME'` behind `from` or
    /// `import`.
    static func imports(of module: [UInt8]) -> [String] {
        let keywords = ["from ", "import "].map { Array($0.utf8) }
        let quotes = Array("'\"".utf8)
        var names: [String] = [], rest = module[...]
        while let start = rest.firstRange(of: Array("./".utf8)) {
            let before = module[..<start.lowerBound]
            rest = rest[start.upperBound...]
            guard let quote = before.last, quotes.contains(quote),
                keywords.contains(where: { before.dropLast().suffix($0.count).elementsEqual($0) })
            else { continue }
            names.append(String(decoding: rest.prefix { $0 != quote }, as: UTF8.self))
        }
        return names
    }
}
