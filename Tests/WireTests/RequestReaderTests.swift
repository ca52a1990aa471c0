import Core
import Testing
import Wire

@Suite struct RequestReaderTests {
    /// What was read of requests that came in `pieces`, up to the first that was refused.
    struct Outcome: Equatable {
        var requests: [String] = []
        var fault: RequestHead.Fault?
        /// Bytes of a head that is not complete.
        var surplus = 0
    }

    private func read(_ pieces: [String]) -> Outcome {
        var reader = RequestReader()
        var outcome = Outcome()
        var bytes: [UInt8] = []
        var request = ""
        for piece in pieces {
            bytes += Array(piece.utf8)
            var offset = 0
            reading: while true {
                switch reader.next(bytes.span, &offset) {
                case .needsMore: break reading
                case .head(let head):
                    let text = { String(decoding: bytes[$0], as: UTF8.self) }
                    request = "\(text(head.method)) \(text(head.target))"
                    for field in head.fields { request += " \(text(field.name))=\(text(field.value))" }
                    request += head.keepsAlive ? " keep:" : " close:"
                    if head.framing == nil { request = "odd" }
                case .body(let range): request += String(decoding: bytes[range], as: UTF8.self)
                case .end:
                    outcome.requests.append(request)
                    reader = RequestReader()
                case .refused(let fault):
                    outcome.fault = fault
                    return outcome
                }
            }
            bytes.removeFirst(offset)
        }
        outcome.surplus = bytes.count
        return outcome
    }

    @Test(
        "requests are the same in one piece, byte by byte, and cut in two anywhere",
        arguments: [
            ("GET / HTTP/1.1\r\nHost:\ta \r\n\r\n", ["GET / Host=a keep:"], 0),
            ("\r\n\r\nPOST /a?b HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GE", ["POST /a?b Content-Length=2 keep:{}"], 2),
            ("A / HTTP/1.0\r\n\r\nB / HTTP/1.3\r\n\r\n", ["A / close:", "B / keep:"], 0),
            ("A / HTTP/1.1\r\nConnection: x\t,\tClose\r\nY:\r\n\r\n", ["A / Connection=x\t,\tClose Y= close:"], 0),
            (
                "A / HTTP/1.1\r\nTransfer-Encoding: CHUNKED\t\r\n\r\n1;a\r\n{\r\n0000000000000001\r\n}\r\n0\r\nConnection: close\r\n\r\n"
                    + "B / HTTP/1.1\r\n\r\n", ["A / Transfer-Encoding=CHUNKED keep:{}", "B / keep:"], 0
            ),
        ])
    func whole(text: String, requests: [String], surplus: Int) {
        let expected = read([text])
        #expect(expected == Outcome(requests: requests, fault: nil, surplus: surplus))
        #expect(read(text.utf8.map { String(decoding: [$0], as: UTF8.self) }) == expected)
        for cut in 0..<text.utf8.count {
            let head = String(decoding: text.utf8.prefix(cut), as: UTF8.self)
            #expect(read([head, String(decoding: text.utf8.dropFirst(cut), as: UTF8.self)]) == expected, "\(cut)")
        }
    }

    @Test(
        "what could be read in two ways has no framing",
        arguments: [
            "Content-Length: 2\r\nContent-Length: 2\r\n", "Content-Length: 2, 2\r\n", "Content-Length: +2\r\n",
            "Content-Length:\r\n", "Content-Length: 0x2\r\n", "Content-Length: 12345678901\r\n",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
            "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked,\r\n", "Transfer-Encoding:\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ])
    func framing(fields: String) {
        var reader = RequestReader()
        let bytes = Array("A / HTTP/1.1\r\n\(fields)\r\n{}".utf8)
        var offset = 0
        guard case .head(let head) = reader.next(bytes.span, &offset) else {
            Issue.record("no head")
            return
        }
        #expect(head.framing == nil)
        let next = reader.next(bytes.span, &offset)
        #expect(next == .refused(.malformed), "nothing of it is believed")
    }

    @Test(
        arguments: [
            ("GET / RTSP/1.1\r\n\r\n", .malformed), ("GET / HTTP/2.0\r\n\r\n", .malformed),
            ("GET / HTTP/1.1 \r\n\r\n", .malformed),
            ("GET  / HTTP/1.1\r\n\r\n", .malformed), ("GET / HTTP/1.1\n\n", .malformed), ("GET /\r\n\r\n", .malformed),
            ("GET /\u{7F} HTTP/1.1\r\n\r\n", .malformed), ("\rGET / HTTP/1.1\r\n\r\n", .malformed),
            (" GET / HTTP/1.1\r\n\r\n", .malformed), ("G(T / HTTP/1.1\r\n\r\n", .malformed),
            ("GET / HTTP/1.1\r\nX : y\r\n\r\n", .malformed), ("GET / HTTP/1.1\r\n X: y\r\n\r\n", .malformed),
            ("GET / HTTP/1.1\r\nX: \u{0}\r\n\r\n", .malformed), ("GET / HTTP/1.1\r\nX: y\r\n z\r\n\r\n", .malformed),
            ("GET / HTTP/1.1\r\nX: y\rZ: y\r\n\r\n", .malformed), ("GET / HTTP/1.1\r\nX\r\n\r\n", .malformed),
            (String(repeating: "G", count: 3000), .methodUnknown),
            ("GET /" + String(repeating: "x", count: 17_000), .targetTooLong),
            ("GET / HTTP/1.1\r\n" + String(repeating: "X: y\r\n", count: 101), .tooLarge),
            ("GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 17_000))\r\n", .tooLarge),
            ("GET / HTTP/1.1\r\nX: \(String(repeating: " ", count: 41_000))", .tooLarge),
        ] as [(String, RequestHead.Fault)])
    func `a head is refused as soon as it can be`(text: String, fault: RequestHead.Fault) {
        #expect(read([text]).fault == fault)
        let bytes = Array(text.utf8)
        let pieces = stride(from: 0, to: bytes.count, by: 1 + bytes.count / 100).map {
            String(decoding: bytes[$0..<min($0 + 1 + bytes.count / 100, bytes.count)], as: UTF8.self)
        }
        #expect(read(pieces).fault == fault)
    }

    @Test func `white space around a value is spaces and tabs`() {
        let bytes = Array(" \t a, b\t \u{B}".utf8)
        let (all, some) = (bytes.span.trimmed(0..<bytes.count), bytes.span.trimmed(0..<9))
        #expect(all == 3..<bytes.count)
        #expect(some == 3..<7)
        #expect(" \t a b\t "[...].withoutBlankEnds == "a b")
        #expect("\t "[...].withoutBlankEnds.isEmpty)
        let list = Array(",a\t,,\tClose ,".utf8)
        for (word, isListed) in [("close", true), ("a", true), ("b", false), ("", false)] {
            let isFound = list.span.lists(word, in: 0..<list.count)
            #expect(isFound == isListed, "\(word)")
        }
    }
}
