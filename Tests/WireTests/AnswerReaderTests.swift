import Core
import Testing
import Wire

@Suite struct AnswerReaderTests {
    /// What was read of an answer that came in `pieces`.
    struct Outcome: Equatable {
        var status: Int?
        var body = ""
        var isWhole = false
        var isRefused = false
        /// Bytes behind the end.
        var surplus = 0
    }

    private func read(_ pieces: [String]) -> Outcome {
        var reader = AnswerReader()
        var outcome = Outcome()
        var bytes: [UInt8] = []
        for piece in pieces {
            bytes += Array(piece.utf8)
            var offset = 0
            reading: while true {
                switch reader.next(bytes.span, &offset) {
                case .needsMore: break reading
                case .head(let head): outcome.status = head.status
                case .body(let range): outcome.body += String(decoding: bytes[range], as: UTF8.self)
                case .end:
                    outcome.isWhole = true
                    break reading
                case .refused:
                    outcome.isRefused = true
                    return outcome
                }
            }
            bytes.removeFirst(offset)
        }
        outcome.surplus = bytes.count
        return outcome
    }

    /// Byte by byte; of a long text more at a time, since a head is read from its start each time.
    private func pieces(_ text: String) -> [String] {
        let bytes = Array(text.utf8), size = 1 + bytes.count / 1000
        return stride(from: 0, to: bytes.count, by: size).map {
            String(decoding: bytes[$0..<min($0 + size, bytes.count)], as: UTF8.self)
        }
    }

    @Test(
        "a whole answer is the same in one piece, byte by byte, and cut in two anywhere",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "{}", 0),
            ("HTTP/1.1 200 \r\ncontent-length:2 \r\n\r\n{}x", "{}", 1), ("HTTP/1.1 204\r\n\r\n", "", 0),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 0),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n", "", 0),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0001\r\n}\r\n000\r\n\r\n", "{}", 0),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\nHTTP", "0123456789", 4),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", "1", 0),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding:\tchunked\t\r\n\r\n2;x=y\r\n{}\r\n0;z\r\n\r\nHTTP", "{}", 4),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 \t; a ; b = \"c d\"\r\n{}\r\n0\r\nX: y\r\n"
                    + "Content-Length: 7\r\nConnection: close\r\n\r\n", "{}", 0
            ),
        ])
    func whole(text: String, body: String, surplus: Int) {
        let expected = read([text])
        #expect(expected.body == body)
        #expect(expected.isWhole)
        #expect(!expected.isRefused)
        #expect(expected.surplus == surplus)
        #expect(read(pieces(text)) == expected)
        for cut in 0..<text.utf8.count {
            let head = String(decoding: text.utf8.prefix(cut), as: UTF8.self)
            let rest = String(decoding: text.utf8.dropFirst(cut), as: UTF8.self)
            #expect(read([head, rest]) == expected, "\(cut)")
            if cut < text.utf8.count - surplus { #expect(!read([head]).isWhole, "R29: \(cut)") }
        }
    }

    @Test(
        "what could be read in two ways is refused",
        arguments: [
            "Content-Length: 2\r\nContent-Length: 2\r\n", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", "Content-Length: 2, 2\r\n", "Content-Length: +2\r\n",
            "Content-Length: -2\r\n", "Content-Length: 0x2\r\n", "Content-Length: 2 2\r\n", "Content-Length:\r\n",
            "Content-Length: 12345678901\r\n", "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding:\u{B}chunked\r\n", "X\r\n", "X : y\r\nContent-Length: 2\r\n",
            ": y\r\nContent-Length: 2\r\n",
            " X: y\r\nContent-Length: 2\r\n", "X: a\r\n b\r\nContent-Length: 2\r\n", "X: a\nContent-Length: 2\r\n",
            "X: a\rY: b\r\nContent-Length: 2\r\n", "X: \u{0}\r\nContent-Length: 2\r\n",
            "X: \u{7F}\r\nContent-Length: 2\r\n",
            "X(: y\r\nContent-Length: 2\r\n",
            "Content-Length: 2\r\nContent-Type: text/html\r\nContent-Type: application/json\r\n", "X: y\r\n", "",
            String(repeating: "X: y\r\n", count: 101) + "Content-Length: 2\r\n",
            "X: " + String(repeating: "y", count: 17_000) + "\r\nContent-Length: 2\r\n",
        ])
    func heads(fields: String) {
        let text = "HTTP/1.1 200 OK\r\n\(fields)\r\n{}"
        #expect(read([text]).isRefused)
        #expect(read(pieces(text)).isRefused)
    }

    @Test(arguments: [("gzip", true), ("identity", false), ("Identity", false), ("identity, gzip", true)])
    func `an answer that is compressed says so`(coding: String, isEncoded: Bool) {
        let bytes = Array("HTTP/1.1 200 OK\r\nContent-Encoding: \(coding)\r\nContent-Length: 2\r\n\r\n{}".utf8)
        var reader = AnswerReader()
        var offset = 0
        guard case .head(let head) = reader.next(bytes.span, &offset) else {
            Issue.record("not a head")
            return
        }
        #expect(head.isEncoded == isEncoded)
    }

    @Test(arguments: [
        "HTTP/1.0 200 OK\r\n", "HTTP/2 200 OK\r\n", "http/1.1 200 OK\r\n", "HTTP/1.1  200 OK\r\n", "HTTP/1.1 20 OK\r\n",
        "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 099 OK\r\n", "HTTP/1.1 600 OK\r\n", "HTTP/1.1 200 OK\n",
        "HTTP/1.1 200 O\u{0}K\r\n", "\r\nHTTP/1.1 200 OK\r\n", "HTTP/1.1 101 Switching\r\n",
        "HTTP/1.1 100 Continue\r\n",
        "HTTP/1.1 204 No Content\r\n",
    ])
    func `no other status line, and no body where there can be none`(line: String) {
        #expect(read([line + "Content-Length: 2\r\n\r\n{}"]).isRefused)
    }

    @Test(arguments: [
        "2;x\ny\r\n{}\r\n0\r\n\r\n", "2;x=\u{1}\r\n{}\r\n0\r\n\r\n", "2 x\r\n{}\r\n0\r\n\r\n", "\r\n", "g\r\n",
        "2\n{}\r\n0\r\n\r\n", "2 \r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "00000000000000002\r\n{}\r\n0\r\n\r\n", "FFFFFFFF\r\n", "2\r\n{}x0\r\n\r\n", "2\r\n{}\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\nX : y\r\n\r\n", "2\r\n{}\r\n0\r\nX: y\r\n z\r\n\r\n", "2\r\n{}\r\n0\r\nX: y\n\r\n",
        "2;\(String(repeating: "x", count: 17 << 10))\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\nX: \(String(repeating: "x", count: 17 << 10))\r\n\r\n",
        "2\r\n{}\r\n0\r\n\(String(repeating: "X: y\r\n", count: 101))\r\n",
        "-1\r\n",
    ])
    func `a chunk has a sound frame within bounds`(body: String) {
        #expect(read(["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body]).isRefused)
    }

    @Test func `interim answers have an end`() {
        let text = String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 9)
        #expect(read([text + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]).isRefused)
    }

    @Test(
        "type, connection and Retry-After",
        arguments: [
            ("Content-Type: application/json\r\n", true, true, nil), ("Connection: close\r\n", false, false, nil),
            ("Connection: x, Close\r\n", false, false, nil), ("Connection: keep-alive\r\n", false, true, nil),
            ("Content-Type: application/json; charset=utf-8\r\nRetry-After: 12 \r\n", true, true, "12"),
            ("Content-Type: application/jsonp\r\n", false, true, nil),
        ] as [(String, Bool, Bool, String?)])
    func fields(fields: String, isJSON: Bool, keepsAlive: Bool, retryAfter: String?) throws {
        let bytes = Array("HTTP/1.1 200 OK\r\n\(fields)Content-Length: 0\r\n\r\n".utf8)
        var reader = AnswerReader()
        var offset = 0
        guard case .head(let head) = reader.next(bytes.span, &offset) else {
            Issue.record("no head")
            return
        }
        #expect(head.isJSON == isJSON)
        #expect(head.keepsAlive == keepsAlive)
        #expect(reader.keepsAlive == keepsAlive)
        #expect(head.retryAfter.map { String(decoding: bytes[$0], as: UTF8.self) } == retryAfter)
    }
}

@Suite struct AnsweredPageTests {
    @Test(
        "the same, whole and cut anywhere",
        arguments: [
            (#"{"route":"tariff_summary","data":{}}"#, "tariff_summary", nil),
            (
                #" { "data" : {"route":"no","redirect_url":"x://y","a":[{"route":"no"}]}, "route" : "session_redirect"}"#,
                "session_redirect", "x://y"
            ),
            (
                #"{"route":"session_redirect","data":{"x":{"redirect_url":"no"},"redirect_url":"a:\/\/b?c\u003dd"}}"#,
                "session_redirect", "a://b?c=d"
            ),
            (#"{"route":"a\ud83d\ude00b\ud83dc\u00zzd"}"#, "a\u{1F600}b\u{FFFD}c\u{FFFD}d", nil),
            (#"{"a":"route","b":["route","x"],"c":{"route":"no"},"route":"yes"}"#, "yes", nil),
            (#"{"object":"error","message":"\"route\":\"no\""}"#, nil, nil), (#"[{"route":"no"}]"#, nil, nil),
            (#"{"route":7,"x":"no"}"#, nil, nil), (#""route""#, nil, nil), ("", nil, nil),
            ("}}}]]{\"route\":\"no\"}", nil, nil),
            (#"{"route":"session_redirect","data":["redirect_url","no"]}"#, "session_redirect", nil),
            (#"{"data":{"redirect_url":"x"},"redirect_url":"no","route":"session_redirect"}"#, "session_redirect", "x"),
        ] as [(String, String?, String?)])
    func read(text: String, route: String?, redirectURL: String?) {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            var page = AnsweredPage()
            page.read(bytes.span, in: 0..<cut)
            page.read(bytes.span, in: cut..<bytes.count)
            #expect(page.route == route, "\(cut)")
            #expect(page.redirectURL == redirectURL, "\(cut)")
        }
        var page = AnsweredPage()
        for index in bytes.indices { page.read(bytes.span, in: index..<index + 1) }
        #expect(page.route == route)
        #expect(page.redirectURL == redirectURL)
    }

    @Test func `it stops where nothing more is wanted, and keeps little of what is long`() {
        var page = AnsweredPage()
        let bytes = Array(#"{"connect_token":"cot_1","route":"tariff_summary","data":"#.utf8)
        page.read(bytes.span, in: 0..<bytes.count)
        #expect(page.isRead)
        page = AnsweredPage()
        let long = Array(#"{"route":"\#(String(repeating: "x", count: 100_000))"}"#.utf8)
        for start in stride(from: 0, to: long.count, by: 1000) {
            page.read(long.span, in: start..<min(long.count, start + 1000))
        }
        #expect(page.route?.utf8.count ?? 0 <= 4000)
    }
}

@Suite struct CivilTimeTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00", "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "1994-11-06T08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "2000-02-29T00:00:00", "Tue, 29 Feb 2000 00:00:00 GMT"),
        (951_868_799, "2000-02-29T23:59:59", "Tue, 29 Feb 2000 23:59:59 GMT"),
        (4_107_542_400, "2100-03-01T00:00:00", "Mon, 01 Mar 2100 00:00:00 GMT"),
        (-1, "1969-12-31T23:59:59", "Wed, 31 Dec 1969 23:59:59 GMT"),
        (-62_135_596_800, "0001-01-01T00:00:00", "Mon, 01 Jan 0001 00:00:00 GMT"),
        (-62_167_219_200, "0000-01-01T00:00:00", "Sat, 01 Jan 0000 00:00:00 GMT"),
        (-30_610_224_000, "1000-01-01T00:00:00", "Wed, 01 Jan 1000 00:00:00 GMT"),
        (1_798_761_599, "2026-12-31T23:59:59", "Thu, 31 Dec 2026 23:59:59 GMT"),
    ])
    func texts(seconds: Int, timestamp: String, date: String) {
        #expect(CivilTime(secondsSince1970: seconds).timestamp == timestamp)
        #expect(CivilTime(secondsSince1970: seconds).httpDate == date)
    }
}

@Suite struct RequestNumberTests {
    @Test func `ids have one form, and no two are the same`() {
        var numbers = RequestNumbers(random: (0..<12).map { 250 + $0 % 6 })
        let made = (0..<1000).map { _ in numbers.next() }
        #expect(Set(made).count == 1000)
        for number in made.prefix(3) {
            let bytes = number.text
            let text = bytes.span.text
            #expect(text == RequestID(number).text)
            #expect(text.utf8.count == 28)
            #expect(text.hasPrefix("req_fafbfcfdfefffafb"))
        }
    }
}
