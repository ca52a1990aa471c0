import Core
import Testing
import Wire

@Suite struct PlainRequestTests {
    static let head = "POST /v1/connect HTTP/1.1\r\nHost: bff.test:80\r\nContent-Type:application/json\r\n"

    @Test func `the parts of a plain request`() throws {
        let text = Self.head + "Connection: Keep-Alive\r\nContent-Length: 2\r\n\r\n{}"
        let bytes = Array(text.utf8)
        var fields: [String] = []
        let request = try #require(
            PlainRequest.read(bytes.span) { fields.append("\($2.text(in: $0))=\($2.text(in: $1))") })
        #expect(bytes[request.method].elementsEqual("POST".utf8))
        #expect(bytes[request.target].elementsEqual("/v1/connect".utf8))
        #expect(bytes[request.body].elementsEqual("{}".utf8))
        #expect(
            fields == [
                "Host=bff.test:80", "Content-Type=application/json", "Connection=Keep-Alive", "Content-Length=2",
            ])
    }

    @Test(arguments: [
        "GET /livez?a=b HTTP/1.1\r\nHost: h\r\n\r\n", head + "\r\n", head + "Content-Length: 0\r\n\r\n",
        "OPTIONS / HTTP/1.1\r\nHOST: h\r\nX-A: a  b\r\n\r\n",
    ])
    func `plain requests`(text: String) {
        #expect(isPlain(text))
        #expect(!isPlain(text + "G"), "the next one has begun")
        let bytes = Array(text.utf8)
        #expect(bytes.indices.allSatisfy { !isPlain(Array(bytes[..<$0])) }, "a part of one")
    }

    @Test(
        "an ambiguous request is for the decoder",
        arguments: [
            "\r\n" + head + "\r\n", "PUT / HTTP/1.1\r\nHost: h\r\n\r\n", "post / HTTP/1.1\r\nHost: h\r\n\r\n",
            "POST  / HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.0\r\nHost: h\r\n\r\n",
            "POST / HTTP/1.1 \r\nHost: h\r\n\r\n", "POST / HTTP/1.1\nHost: h\r\n\r\n", "POST /\r\nHost: h\r\n\r\n",
            "POST * HTTP/1.1\r\nHost: h\r\n\r\n", "POST http://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
            "POST /#a HTTP/1.1\r\nHost: h\r\n\r\n", "POST /é HTTP/1.1\r\nHost: h\r\n\r\n",
            "POST / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n",
            head + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", head + "Content-Length: 02\r\n\r\n{}",
            head + "Content-Length: +2\r\n\r\n{}", head + "Content-Length: 2, 2\r\n\r\n{}",
            head + "Content-Length: 2 \r\n\r\n{}", head + "Content-Length:\t2\r\n\r\n{}",
            head + "Content-Length:  2\r\n\r\n{}", head + "Content-Length:\r\n\r\n",
            head + "Content-Length: 18446744073709551618\r\n\r\n{}",
            head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            head + "transfer-encoding: identity\r\n\r\n",
            head + "Connection: close\r\n\r\n", head + "Connection: keep-alive, upgrade\r\n\r\n",
            head + "Proxy-Connection: keep-alive\r\n\r\n", head + "Upgrade: h2c\r\n\r\n",
            head + "Expect: 100-continue\r\n\r\n", head + "TE: trailers\r\n\r\n", head + "Trailer: a\r\n\r\n",
            head + "X_A: a\r\n\r\n", head + "X A: a\r\n\r\n", head + "X-A : a\r\n\r\n", head + ": a\r\n\r\n",
            head + "X-A\r\n\r\n", head + " folded\r\n\r\n", head + "X-A: a\r\n folded\r\n\r\n",
            head + "X-A: a\tb\r\n\r\n", head + "X-A: a\0b\r\n\r\n", head + "X-A: a\rb\r\n\r\n",
            head + "X-A: a\nX-B: b\r\n\r\n", head + "X-A: é\r\n\r\n", head + "X-A:\r\n\r\n", head + "\n",
            head + String(repeating: "X-A: a\r\n", count: 63) + "\r\n",
            head + "X-A: \(String(repeating: "a", count: 9000))\r\n\r\n",
        ])
    func odd(text: String) {
        #expect(!isPlain(text))
    }

    private func isPlain(_ text: String) -> Bool { isPlain(Array(text.utf8)) }

    private func isPlain(_ bytes: [UInt8]) -> Bool {
        PlainRequest.read(bytes.span) { _, _, _ in } != nil
    }
}
