import Core
import Glibc
import NIOCore
import NIOExtras
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Listening sockets: one, or all that the service manager passed on.
package struct Listener {
    private let address: ListenAddress
    private let mostConnections: Int

    /// Connections that wait to be taken; the kernel may allow fewer.
    private static let backlog: Int32 = 1024
    /// How long a connection that was just taken needs to get its handler.
    private static let settling = TimeAmount.milliseconds(100)

    /// - Parameters:
    ///   - mostConnections: More wait until one of them ends. Several sockets have equal shares.
    package init(_ address: ListenAddress, mostConnections: Int) {
        self.address = address
        self.mostConnections = mostConnections
    }

    /// Serves until the task is shut down gracefully, then until the requests in flight are answered.
    ///
    /// A task that is cancelled closes all connections.
    /// - Parameter listening: Called once all sockets are open, with the port of the first if it has one.
    /// - Throws: `CannotListen`, also when a socket fails later.
    package func run(
        _ connections: ClientConnections, listening: @escaping @Sendable (Int?) async -> Void
    ) async throws(CannotListen) {
        let sockets: [Socket]
        do throws(CannotListen) { sockets = try await open(connections) } catch {
            await connections.stop()
            throw error
        }
        connections.start(on: MultiThreadedEventLoopGroup.singleton)
        let isStopping = Atomic(false)
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await listening(sockets.first?.channel.localAddress?.port)
                let (closed, continuation) = AsyncStream<Void>.makeStream()
                for socket in sockets { socket.channel.closeFuture.whenComplete { _ in continuation.yield() } }
                for await _ in closed { break }
                // A socket that failed was closed by itself; the others are drained.
                Self.stop(sockets, connections)
                for socket in sockets {
                    let drained = socket.channel.eventLoop.makePromise(of: Void.self)
                    socket.quiescing.initiateShutdown(promise: drained)
                    try? await drained.futureResult.get()
                }
            } onGracefulShutdown: {
                isStopping.store(true, ordering: .relaxed)
                Self.stop(sockets, connections)
            }
        } onCancel: {
            isStopping.store(true, ordering: .relaxed)
            connections.close()
            for socket in sockets { socket.channel.close(promise: nil) }
        }
        await connections.stop()
        guard isStopping.load(ordering: .relaxed) else {
            throw CannotListen(address: address, why: "its socket was closed")
        }
    }

    /// First no connection is taken any more, then the sockets are closed: one that was taken in between would be dropped
    /// unread.
    private static func stop(_ sockets: [Socket], _ connections: ClientConnections) {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let paused = sockets.map { $0.channel.setOption(.autoRead, value: false) }
        EventLoopFuture.andAllComplete(paused, on: loop).whenComplete { _ in
            loop.scheduleTask(in: settling) {
                connections.end()
                for socket in sockets { socket.quiescing.initiateShutdown(promise: nil) }
            }
        }
    }
}

extension Listener {
    /// One listening socket.
    private struct Socket: Sendable {
        let channel: any Channel
        let quiescing: ServerQuiescingHelper
    }

    private func open(_ connections: ClientConnections) async throws(CannotListen) -> [Socket] {
        guard case .inherited(let count) = address else { return [try await open(connections, nil, mostConnections)] }
        var sockets: [Socket] = []
        do throws(CannotListen) {
            for offset in 0..<Int32(clamping: count) {
                sockets.append(
                    try await open(connections, ListenAddress.firstInherited + offset, mostConnections / count))
            }
        } catch {
            for socket in sockets { try? await socket.channel.close() }
            throw error
        }
        return sockets
    }

    /// - Parameter descriptor: The socket; `nil` to make one.
    private func open(
        _ connections: ClientConnections, _ descriptor: Int32?, _ mostConnections: Int
    ) async throws(CannotListen) -> Socket {
        let group = MultiThreadedEventLoopGroup.singleton
        let quiescing = ServerQuiescingHelper(group: group)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // NIO has given a socket that it did not bind 128 slots, which a restart under load fills.
                    if let descriptor { _ = listen(descriptor, Self.backlog) }
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(ConnectionLimitHandler(mostConnections))
                    try pipeline.addHandler(quiescing.makeServerChannelHandler(channel: channel))
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try connections.install(on: channel) }
            }
        do {
            let channel: any Channel
            switch (address, descriptor) {
            case (.inherited, let descriptor?): channel = try await bootstrap.withBoundSocket(descriptor).get()
            case (.inherited, nil): throw CannotListen(address: address, why: "no socket was passed on")
            case (.tcp(let host, let port), _): channel = try await bootstrap.bind(host: host, port: port).get()
            case (.unix(let path, let mode), _):
                let file = SocketFile(path: path, mode: mode)
                try await file.makeRoom()
                channel = try await bootstrap.bind(unixDomainSocketPath: path).get()
                try file.open()
            }
            return Socket(channel: channel, quiescing: quiescing)
        } catch let error as CannotListen {
            throw error
        } catch {
            throw CannotListen(address: address, why: "\(error)")
        }
    }
}
