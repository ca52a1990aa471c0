import ConnectClient
import Foundation

/// The Swift library behind the protocol of Tests/Clients/README.md.
@main struct Journeys {
    static func main() async throws {
        let environment = ProcessInfo.processInfo.environment
        guard let service = environment["CONNECT_URL"].flatMap(URL.init(string:)),
            let bearerFile = environment["CONNECT_BEARER_FILE"]
        else { preconditionFailure("no address of the service, or no file with a bearer") }
        let client = ConnectClient(service: service) { _ in try String(contentsOfFile: bearerFile, encoding: .utf8) }
        let pages = Pages()
        let program = Program(client: client, returnURL: environment["CONNECT_RETURN_URL"], pages: pages)
        var running: [Int: Task<Void, Never>] = [:]
        for await line in lines() {
            let command = try JSONDecoder().decode(Command.self, from: Data(line.utf8))
            switch command.do {
            case "abort": running[command.to ?? 0]?.cancel()
            case "returned": await pages.end(command.to ?? 0, command.url)
            default: running[command.id] = Task { await program.run(command) }
            }
        }
        // What still follows does not keep it.
        exit(0)
    }

    /// The lines of standard input; a thread of its own waits for them.
    private static func lines() -> AsyncStream<String> {
        AsyncStream { lines in
            Thread.detachNewThread {
                while let line = readLine() { lines.yield(line) }
                lines.finish()
            }
        }
    }
}

/// A line of the test.
struct Command: Decodable {
    let id: Int
    let `do`: String
    let to: Int?
    let url: URL?
    let params: [String: JSONValue]?
    let body: JSONValue?
}

typealias JSONValue = ConnectClient.JSONValue

/// The pages that are open, by the command that opened them.
actor Pages {
    private var open: [Int: AsyncStream<URL?>.Continuation] = [:]

    func opened(_ id: Int) -> AsyncStream<URL?> {
        let (ends, continuation) = AsyncStream<URL?>.makeStream()
        open[id] = continuation
        return ends
    }

    func end(_ id: Int, _ url: URL?) { open.removeValue(forKey: id)?.yield(url) }
}

/// The customer, whom the test plays.
struct TestPresenter: ConnectPresenter {
    let id: Int
    let pages: Pages

    func present(_ page: URL) async throws -> ConnectResult? {
        let ends = await pages.opened(id)
        say(["id": .number(Double(id)), "open": .string(page.absoluteString)])
        for await end in ends { return end.flatMap(ConnectResult.init(returnURL:)) }
        throw CancellationError()
    }
}

/// Writes a line for the test, at once.
func say(_ line: [String: JSONValue]) {
    guard let json = try? JSONEncoder().encode(line) else { preconditionFailure("no JSON") }
    FileHandle.standardOutput.write(json + Data("\n".utf8))
}
