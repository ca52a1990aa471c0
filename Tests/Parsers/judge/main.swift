// Reads a document a line, in hexadecimal, and says a line for each: whether it is strict JSON, what page it names as an
// answer of Connect and where that redirects to, and what the envelope makes of it. Texts are printed in hexadecimal, "-"
// where there is none.

func bytes(_ line: String) -> [UInt8] {
    let digits = Array(line.utf8)
    return stride(from: 0, to: digits.count - 1, by: 2).map {
        UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16) ?? 0
    }
}

func printed(_ text: String?) -> String {
    text.map { "=" + $0.utf8.hexadecimal } ?? "-"
}

while let line = readLine() {
    let json = bytes(line)
    var page = AnsweredPage()
    page.read(json.span, in: 0..<json.count)
    let strict = [JSONScanner.scan(json.span) ? "json" : "none", printed(page.route), printed(page.redirectURL)]
        .joined(separator: " ")
    do throws(BFFError) {
        let envelope = try Envelope(json.span)
        print(strict, "ok", printed(envelope.connectToken.exposed), printed(envelope.route), printed(envelope.action))
    } catch {
        print(strict, error == .malformedJSON ? "malformed" : error == .connectTokenMissing ? "missing" : "other")
    }
}
