import Edge
import NIOCore
import Relay
import Synchronization
import TestSupport

/// The relay as the fast path of the edge, with a count of the ticks of each event loop.
final class TickCounter: FastPath {
    private let relay: SessionRelay
    private let counts = Mutex<[Int]>([])

    init(_ relay: SessionRelay) {
        self.relay = relay
    }

    var paths: [String] { relay.paths }

    func makeLoop(on eventLoop: any EventLoop, _ flushes: FlushCoalescer) -> any FastPathLoop {
        let number = counts.withLock { counts in
            counts.append(0)
            return counts.count - 1
        }
        return Loop(relay.makeLoop(on: eventLoop, flushes)) { [self] in counts.withLock { $0[number] += 1 } }
    }

    /// Waits for a whole tick of every event loop, and so until each has read what had arrived before.
    func next() async throws {
        // The first one to end may have begun before.
        let ends = counts.withLock { $0.map { $0 + 2 } }
        try await until { counts.withLock { zip($0, ends).allSatisfy { $0 >= $1 } } }
    }

    private final class Loop: FastPathLoop {
        private let base: any FastPathLoop
        private let ticked: () -> Void

        init(_ base: any FastPathLoop, ticked: @escaping () -> Void) {
            self.base = base
            self.ticked = ticked
        }

        func respond(
            to request: ReceivedRequest, _ body: ByteBuffer, for client: any FastPathClient,
            at now: ContinuousClock.Instant
        ) {
            base.respond(to: request, body, for: client, at: now)
        }

        func tick(at now: ContinuousClock.Instant) {
            base.tick(at: now)
            ticked()
        }

        func shutDown() { base.shutDown() }
    }
}
