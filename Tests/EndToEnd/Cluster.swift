import Foundation
import TestSupport

/// Nodes with the same settings, each on ports of its own, and their PostgreSQL on one of 127.0.0.1.
struct Cluster {
    let server: PostgresServer
    let nodes: [ServeProcess]

    /// - Parameter stateKeyFile: Where the key is; nil for one in the settings.
    static func run(
        nodes count: Int, _ more: [String: String] = [:], stateKeyFile: String? = nil,
        _ body: (Cluster) async throws -> Void
    ) async throws {
        let server = PostgresServer(port: try FreePort.find())
        defer { server.stop() }
        var settings = settings(try await server.newDatabase()).merging(more) { $1 }
        if let stateKeyFile {
            settings["BFF_STATE_KEY"] = nil
            settings["BFF_STATE_KEY_FILE"] = stateKeyFile
        }
        try await ServeProcess.run(settings) { first in
            var nodes = [first]
            try await Program.run {
                while nodes.count < count {
                    let node = try first.joined()
                    try await node.start()
                    nodes.append(node)
                }
                try await body(Cluster(server: server, nodes: nodes))
            } finally: {
                for node in nodes.dropFirst() { await node.stop() }
            }
        }
    }

    static func settings(_ url: String) -> [String: String] {
        [
            "BFF_DATABASE_URL": url, "BFF_STATE_KEY": Data(repeating: 1, count: 32).base64EncodedString(),
            "BFF_LIMIT_RELAY": "100000/s", "BFF_LOG_LEVEL": "info",
        ]
    }
}
