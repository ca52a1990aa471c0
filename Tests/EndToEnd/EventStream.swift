import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Testing

/// Server-sent events as a client reads them.
final class EventStream {
    struct Event {
        let id: String
        let name: String
        let data: JSONValue
        var state: String { data["state"]?.text ?? "" }
    }
    private let client: HTTPClient
    private let chunks: AsyncThrowingStream<String, any Error>
    private var text = ""
    private let names: Set<String>
    /// The last `id`, of an event or alone, which a client repeats when it connects again.
    private(set) var lastID: String?

    /// - Parameters:
    ///   - names: Of the events that may come.
    ///   - configuration: Of the connection that the stream has to itself.
    init(
        _ url: String, headers: [(String, String)], names: Set<String> = ["session"],
        configuration: HTTPClient.Configuration = HTTP.configuration
    ) async throws {
        self.names = names
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
                guard let id = Self.value("id", in: lines) else { continue }
                lastID = id
                guard let data = Self.value("data", in: lines) else { continue }
                let name = Self.value("event", in: lines) ?? "message"
                #expect(names.contains(name))
                return Event(id: id, name: name, data: try JSONValue(Array(data.utf8)))
            }
            guard let chunk = try await chunk() else {
                await stop()
                return nil
            }
            text += chunk
        }
    }

    private static func value(_ field: String, in lines: [String]) -> String? {
        lines.first { $0.hasPrefix("\(field): ") }.map { String($0.dropFirst(field.count + 2)) }
    }

    private func chunk() async throws -> String? {
        for try await chunk in chunks { return chunk }
        return nil
    }

    func stop() async {
        try? await client.shutdown()
    }
}
