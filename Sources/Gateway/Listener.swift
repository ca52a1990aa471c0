import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix

/// A listening socket with a router behind it.
struct Listener {
    private let address: ListenAddress
    private let logger: Logger

    init(_ address: ListenAddress, _ logger: Logger) {
        self.address = address
        // Hummingbird logs whole errors and URIs at debug; our own lines say what may be said.
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        self.logger = logger
    }

    /// Serves until the task is told to shut down, then until the requests under way are answered.
    /// - Parameter listening: Called once the socket is open, with its port if it has one.
    /// - Throws: `CannotListen`.
    func run(
        _ router: Router<EdgeContext>, server: HTTPServerBuilder, listening: @escaping @Sendable (Int?) async -> Void
    ) async throws {
        var bind: BindAddress
        var file: SocketFile?
        switch address {
        case .tcp(let host, let port): bind = .hostname(host, port: port)
        case .unix(let path, let mode):
            bind = .unixDomainSocket(path: path)
            file = SocketFile(path: path, mode: mode)
            try await file?.makeRoom()
        }
        let application = Application(
            router: router, server: server, configuration: .init(address: bind, serverName: nil),
            onServerRunning: { [file] channel in
                try? file?.open()
                await listening(channel.localAddress?.port)
            },
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), logger: logger)
        do {
            try await application.run()
        } catch let error where !(error is CancellationError) {
            throw CannotListen(address: address, why: "\(error)")
        }
    }
}
