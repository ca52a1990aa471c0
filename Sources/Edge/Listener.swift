import Core
import Glibc
import HTTPTypes
import HummingbirdCore
package import Logging
import NIOCore
import NIOExtras
import NIOPosix
import ServiceLifecycle

/// Listening sockets: one, or all that the service manager passed on.
///
/// In the place of Hummingbird's `Application`, which cannot take over a socket that the service manager holds. The
/// order of things is that of its `Server` in 2.28.1.
package struct Listener {
    private let address: ListenAddress
    private let mostConnections: Int
    private let logger: Logger

    /// Connections that wait to be taken; the kernel may allow fewer.
    private static let backlog: Int32 = 1024

    /// - Parameters:
    ///   - mostConnections: More wait until one of them ends. Several sockets have equal shares.
    package init(_ address: ListenAddress, mostConnections: Int, _ logger: Logger) {
        self.address = address
        self.mostConnections = mostConnections
        // Hummingbird logs whole errors at debug; our own lines say what may be said.
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        self.logger = logger
    }

    /// Serves until the task is shut down gracefully, then until the requests under way are answered.
    ///
    /// - Parameters:
    ///   - router: Answers what the connections' fast path does not.
    ///   - listening: Called once all sockets are open, with the port of the first if it has one.
    /// - Throws: `CannotListen`.
    package func run(
        _ connections: ClientConnections, _ router: any RequestRouter,
        listening: @escaping @Sendable (Int?) async -> Void
    ) async throws(CannotListen) {
        do throws(CannotListen) {
            try await serve(connections, EdgeChannel(router: router, connections: connections)) { port in
                connections.start(on: MultiThreadedEventLoopGroup.singleton)
                await listening(port)
            }
        } catch {
            await connections.stop()
            throw error
        }
        await connections.stop()
    }

    private func serve(
        _ connections: ClientConnections, _ connection: EdgeChannel,
        listening: @escaping @Sendable (Int?) async -> Void
    ) async throws(CannotListen) {
        let servers = try await open(connection)
        await withGracefulShutdownHandler {
            await listening(servers.first?.channel.channel.localAddress?.port)
            await withDiscardingTaskGroup { group in
                for server in servers { group.addTask { await serve(server.channel, connection) } }
            }
        } onGracefulShutdown: {
            let loop = MultiThreadedEventLoopGroup.singleton.any()
            // First no more are taken, then the sockets are closed: one that was taken in between would be dropped
            // unread.
            let closed = servers.map { $0.channel.channel.setOption(.autoRead, value: false) }
            EventLoopFuture.andAllComplete(closed, on: loop).whenComplete { _ in
                loop.scheduleTask(in: Self.settling) {
                    connections.end()
                    for server in servers { server.quiescing.initiateShutdown(promise: nil) }
                }
            }
        }
    }

    /// One listening socket.
    private struct Server: Sendable {
        let channel: NIOAsyncChannel<EdgeChannel.Value, Never>
        let quiescing: ServerQuiescingHelper
    }

    private func serve(_ server: NIOAsyncChannel<EdgeChannel.Value, Never>, _ connection: EdgeChannel) async {
        await withDiscardingTaskGroup { group in
            do {
                try await server.executeThenClose { clients in
                    for try await client in clients {
                        group.addTask { await connection.handle(value: client, logger: logger) }
                    }
                }
            } catch is CancellationError {
                // The service stops, since another part of it could not start.
            } catch {
                logger.error("no connection is taken any more", metadata: ["bff.error_type": "\(type(of: error))"])
            }
        }
    }

    /// How long connections that were just taken need to find their place.
    private static let settling = TimeAmount.milliseconds(100)

    private func open(_ connection: EdgeChannel) async throws(CannotListen) -> [Server] {
        guard case .inherited(let sockets) = address else { return [try await open(connection, nil, mostConnections)] }
        var servers: [Server] = []
        do throws(CannotListen) {
            for offset in 0..<Int32(clamping: sockets) {
                servers.append(
                    try await open(connection, ListenAddress.firstInherited + offset, mostConnections / sockets))
            }
        } catch {
            // An asynchronous channel must be run to be closed.
            for server in servers { try? await server.channel.executeThenClose { _ in } }
            throw error
        }
        return servers
    }

    /// - Parameter descriptor: The socket; `nil` to make one.
    private func open(
        _ connection: EdgeChannel, _ descriptor: Int32?, _ mostConnections: Int
    ) async throws(CannotListen) -> Server {
        let quiescing = ServerQuiescingHelper(group: MultiThreadedEventLoopGroup.singleton)
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // NIO has given a socket that it did not bind 128 places, which a restart under load fills.
                    if let descriptor { _ = listen(descriptor, Self.backlog) }
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(AvailableConnectionsChannelHandler(maxConnections: mostConnections))
                    try pipeline.addHandler(quiescing.makeServerChannelHandler(channel: channel))
                }
            }
        let setUp: @Sendable (any Channel) -> EventLoopFuture<EdgeChannel.Value> = { [logger] channel in
            connection.setup(channel: channel, logger: logger)
        }
        do {
            let channel: NIOAsyncChannel<EdgeChannel.Value, Never>
            switch (address, descriptor) {
            case (.inherited, let descriptor?):
                channel = try await bootstrap.bind(descriptor, childChannelInitializer: setUp)
            case (.inherited, nil): throw CannotListen(address: address, why: "no socket was passed on")
            case (.tcp(let host, let port), _):
                channel = try await bootstrap.bind(host: host, port: port, childChannelInitializer: setUp)
            case (.unix(let path, let mode), _):
                let file = SocketFile(path: path, mode: mode)
                try await file.makeRoom()
                channel = try await bootstrap.bind(unixDomainSocketPath: path, childChannelInitializer: setUp)
                try file.open()
            }
            return Server(channel: channel, quiescing: quiescing)
        } catch let error as CannotListen {
            throw error
        } catch {
            throw CannotListen(address: address, why: "\(error)")
        }
    }
}
