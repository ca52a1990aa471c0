import Edge
package import Gateway

/// Serves `table` on a port of its own while `body` runs.
package func serving(
    _ table: RouteTable, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
    _ body: (_ port: Int) async throws -> Void
) async throws {
    let connections = ClientConnections(
        table.edge, router: table, fastPath: nil, now: now, secondsSince1970: { 0 }, randomBytes: countingBytes())
    let (ports, port) = AsyncStream<Int>.makeStream()
    let server = GatewayServer(connections, at: .tcp(host: "127.0.0.1", port: 0)) {
        port.yield($0 ?? 0)
        port.finish()
    }
    let running = Task { try await server.run() }
    let result: Result<Void, any Error>
    do {
        for await number in ports { try await body(number) }
        result = .success(())
    } catch { result = .failure(error) }
    running.cancel()
    _ = await running.result
    try result.get()
}
