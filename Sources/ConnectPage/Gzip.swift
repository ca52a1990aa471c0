import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression

/// The gzip format (RFC 1952), by the compressor of swift-nio-extras, which is made for requests.
enum Gzip {
    /// - Returns: `nil` where the result is not shorter.
    static func compress(_ bytes: [UInt8]) -> [UInt8]? {
        guard !bytes.isEmpty else { return nil }
        let channel = EmbeddedChannel(handler: NIOHTTPRequestCompressor(encoding: .gzip))
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        // One request, flushed once at its end, is compressed as a whole.
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/")
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: bytes))), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        var compressed: [UInt8] = []
        while case .some(let part) = try? channel.readOutbound(as: HTTPClientRequestPart.self) {
            if case .body(.byteBuffer(let buffer)) = part { compressed += buffer.readableBytesView }
        }
        return !compressed.isEmpty && compressed.count < bytes.count ? compressed : nil
    }
}
