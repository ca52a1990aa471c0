import NIOCore
import NIOPosix
import Synchronization

/// A port of 127.0.0.1 that is free, and that no other process takes by chance.
enum FreePort {
    /// Below the ports that the kernel gives to clients, which could take one between the look and the use.
    private static let next = Mutex(Int.random(in: 12_000..<32_000))

    static func find() throws -> Int {
        while true {
            let port = next.withLock { next in
                next = next < 32_000 ? next + 1 : 12_000
                return next
            }
            let bound = ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .bind(host: "127.0.0.1", port: port)
            guard let channel = try? bound.wait() else { continue }
            try channel.close().wait()
            return port
        }
    }
}
