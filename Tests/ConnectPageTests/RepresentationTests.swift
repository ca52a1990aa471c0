import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression
import Testing

@testable import ConnectPage

@Suite struct RepresentationTests {
    @Test(
        "RFC 9110 section 12.5.3, and what is really sent: gzip for who names it, and plain for all others",
        arguments: [
            // Browsers, over TLS and without; Safari; a search engine.
            ("gzip, deflate, br, zstd", true), ("gzip, deflate", true), ("gzip, deflate, br", true),
            // curl --compressed; Go; Ruby; Python; wget; Java's HttpURLConnection, and a caching proxy that normalises.
            ("deflate, gzip, br, zstd", true), ("gzip", true),
            ("gzip;q=1.0,deflate;q=0.6,identity;q=0.3", true), ("identity", false), ("", false), ("br,gzip", true),
            // A player that wants ranges; a scanner that cuts the header's value out.
            ("identity;q=1, *;q=0", false), ("-----", false), ("deflate", false), ("br", false),
            // Refusals and preferences.
            ("gzip;q=0", false), ("gzip;q=0.0, *", false), ("gzip;q=0.001", true), ("gzip;q=0.5, identity", false),
            ("gzip;q=0.5, identity;q=0.5", true), ("gzip;q=x", false), ("x-gzip", true), ("GZIP", true),
            ("*", false), ("*;q=0.5, identity;q=0", true), ("identity;q=0", false), ("*;q=0", false),
            ("gzip2, agzip", false), ("deflate, identity;q=0, *;q=0", false), (";q=1,gzip", true),
        ])
    func negotiation(_ header: String, _ isCompressed: Bool) {
        #expect(Representation.prefersGzip(header) == isCompressed)
        let representation = Representation("text/css", Array(repeating: 0x20, count: 2000))
        #expect(representation.body(acceptEncoding: header).coding == (isCompressed ? "gzip" : nil))
    }

    @Test("compresses to what any reader of gzip reads back", arguments: [1000, 70_000, 1_000_000])
    func roundTrip(_ count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * $0 / 7) }
        let compressed = try #require(Gzip.compress(bytes))
        #expect(compressed.prefix(3) == [0x1F, 0x8B, 8])
        #expect(compressed.count < count)
        #expect(try inflated(compressed) == bytes)
        // The same on every node.
        #expect(Gzip.compress(bytes) == compressed)
    }

    @Test("keeps plain what is not shorter in gzip") func incompressible() {
        for bytes in [[], [1], Array("export {};".utf8)] as [[UInt8]] {
            let representation = Representation("text/javascript", bytes)
            #expect(representation.compressed == nil)
            #expect(representation.body(acceptEncoding: "gzip").bytes == ByteBuffer(bytes: bytes))
            #expect(representation.body(acceptEncoding: "gzip").coding == nil)
        }
    }

    private func inflated(_ bytes: [UInt8]) throws -> [UInt8] {
        let channel = EmbeddedChannel(handler: NIOHTTPResponseDecompressor(limit: .none))
        let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: ["content-encoding": "gzip"])
        try channel.writeInbound(HTTPClientResponsePart.head(head))
        try channel.writeInbound(HTTPClientResponsePart.body(ByteBuffer(bytes: bytes)))
        try channel.writeInbound(HTTPClientResponsePart.end(nil))
        var plain: [UInt8] = []
        while let part = try channel.readInbound(as: HTTPClientResponsePart.self) {
            if case .body(let buffer) = part { plain += buffer.readableBytesView }
        }
        _ = try channel.finish()
        return plain
    }
}
