import Core
import Metrics
import NIOCore

/// The client connections of one event loop: all of it is touched there alone, so nothing of it is locked.
final class EdgeLoop {
    let shared: ClientConnections
    let eventLoop: any EventLoop
    let flushes: FlushCoalescer
    let fastPath: (any FastPathLoop)?
    /// For the router's tasks.
    let executor: any TaskExecutor
    /// Texts that requests of this loop repeat.
    let texts = TextCache()
    private var numbers: RequestNumbers
    private var connections: [ClientConnectionHandler] = []
    private var timer: RepeatedTask?
    private let lag = Timer(label: "connect_bff_event_loop_lag_seconds")
    private var tickEnded: ContinuousClock.Instant?
    /// The `Date` line of every answer, as of the last tick.
    private(set) var dateLine = ByteBuffer()
    private var dateSecond = 0

    init(_ shared: ClientConnections, on eventLoop: any EventLoop, numbers: RequestNumbers) {
        self.shared = shared
        self.eventLoop = eventLoop
        flushes = FlushCoalescer(on: eventLoop)
        executor = EventLoopExecutor(eventLoop)
        fastPath = shared.fastPath?.makeLoop(on: eventLoop, flushes)
        self.numbers = numbers
        writeDate()
    }

    /// Begins to look at the time.
    func start() {
        let tick = TimeAmount(shared.times.tick)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in bound.value.tick() }
    }

    func stop() {
        timer?.cancel()
        fastPath?.shutDown()
    }

    func close() {
        for connection in connections { connection.context?.close(promise: nil) }
    }

    func drain() {
        for connection in connections { connection.drain() }
    }

    func nextNumber() -> RequestNumber { numbers.next() }

    private func tick() {
        let now = shared.now()
        // The next one was asked for when the last one ended.
        if let tickEnded { lag.record(duration: max(.zero, tickEnded.duration(to: now) - shared.times.tick)) }
        writeDate()
        fastPath?.tick(at: now)
        for connection in connections { connection.tick(at: now) }
        tickEnded = shared.now()
    }

    private func writeDate() {
        let second = shared.secondsSince1970()
        guard second != dateSecond else { return }
        dateSecond = second
        dateLine = ByteBuffer(string: "Date: \(CivilTime(secondsSince1970: second).httpDate)\r\n")
    }

    // MARK: - Clients

    func add(_ connection: ClientConnectionHandler) {
        connection.index = connections.count
        connections.append(connection)
    }

    func remove(_ connection: ClientConnectionHandler) {
        guard connection.index < connections.count, connections[connection.index] === connection else { return }
        let last = connections.removeLast()
        if last !== connection {
            last.index = connection.index
            connections[last.index] = last
        }
    }
}
