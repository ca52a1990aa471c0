import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Testing

/// Server-sent events as a client reads them.
final class EventStream {
    struct Event {
        let id: String
        let state: String
    }
    private let client: HTTPClient
    private let chunks: AsyncThrowingStream<String, any Error>
    private var text = ""

    /// - Parameter configuration: Of the connection that the stream has to itself.
    init(
        _ url: String, headers: [(String, String)], configuration: HTTPClient.Configuration = HTTP.configuration
    ) async throws {
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        var request = HTTPClientRequest(url: url)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response = try await client.execute(request, timeout: .seconds(60))
        #expect(response.status == .ok)
        #expect(response.headers.first(name: "content-type") == "text/event-stream; charset=utf-8")
        let (chunks, continuation) = AsyncThrowingStream<String, any Error>.makeStream()
        self.chunks = chunks
        Task {
            do {
                for try await chunk in response.body { continuation.yield(String(buffer: chunk)) }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
    }

    /// The next event; comments and the retry line are passed over.
    func next() async throws -> Event? {
        while true {
            while let end = text.firstRange(of: "\n\n") {
                let lines = text[..<end.lowerBound].split(separator: "\n").map(String.init)
                text = String(text[end.upperBound...])
                guard let id = lines.first(where: { $0.hasPrefix("id: ") }),
                    let data = lines.first(where: { $0.hasPrefix("data: ") })
                else { continue }
                #expect(lines.contains("event: session"))
                let session = try JSONValue(Array(data.dropFirst(6).utf8))
                return Event(id: String(id.dropFirst(4)), state: session["state"]?.text ?? "")
            }
            guard let chunk = try await chunk() else {
                await stop()
                return nil
            }
            text += chunk
        }
    }

    private func chunk() async throws -> String? {
        for try await chunk in chunks { return chunk }
        return nil
    }

    func stop() async {
        try? await client.shutdown()
    }
}
