import NIOCore
import NIOPosix
import Synchronization

/// Listens in the service's place for a moment, to see how a request for the public address comes in.
package final class ProbeListener: Sendable {
    /// A request as it arrived.
    package struct Visit: Sendable {
        package let peer: Peer
        /// The peer in words.
        package let name: String
        /// Its head, in lower case.
        package let head: String
    }

    private let listener: any Channel
    private let visits: Visits

    private final class Visits: Sendable {
        private let all = Mutex<[Visit]>([])
        func add(_ visit: Visit) { all.withLock { $0.append(visit) } }
        func first(with mark: String) -> Visit? { all.withLock { $0.first { $0.head.contains(mark) } } }
    }

    package init(at address: ListenAddress) async throws {
        let visits = Visits()
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Attendant(visits))
                }
            }
        switch address {
        case .tcp(let host, let port): listener = try await bootstrap.bind(host: host, port: port).get()
        case .unix(let path, _): listener = try await bootstrap.bind(unixDomainSocketPath: path).get()
        case .inherited: throw CannotListen(address: address, why: "systemd holds the socket")
        }
        self.visits = visits
    }

    /// The visit in whose head `mark` stands.
    package func visit(_ mark: String) -> Visit? { visits.first(with: mark) }

    /// Closes the socket; that of a unix path is removed.
    package func close() async {
        try? await listener.close()
    }

    /// Notes the head of one request and answers it.
    private final class Attendant: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let visits: Visits
        private var head = ""

        init(_ visits: Visits) {
            self.visits = visits
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            head += String(buffer: unwrapInboundIn(data)).lowercased()
            guard head.contains("\r\n\r\n") || head.utf8.count > 16 << 10 else { return }
            visits.add(
                Visit(
                    peer: Peer(context.channel), name: context.remoteAddress?.ipAddress ?? "a unix socket", head: head))
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
            let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer))).whenComplete { _ in
                loopBound.value.close(promise: nil)
            }
        }
    }
}
