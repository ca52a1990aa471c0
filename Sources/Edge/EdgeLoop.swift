import Core
import Flatpeak
import Metrics
import NIOCore

/// What the lane has on one event loop: all of it is touched there alone, so nothing of it is locked.
final class LaneLoop {
    let lane: Lane
    let eventLoop: any EventLoop
    let pool: UpstreamPool
    var buffers = SpareBuffers()
    /// Of a connection whose request is not known, or over.
    let noHead = JudgedHead()
    private var numbers: RequestNumbers
    private var connections: [LaneHandler] = []
    private var timer: RepeatedTask?
    private let lag = Timer(label: "connect_bff_event_loop_lag_seconds")
    private var tickEnded: ContinuousClock.Instant?
    /// The `Date` line of every answer, as of the last tick.
    private(set) var dateLine = ByteBuffer()
    private var dateSecond = 0

    init(_ lane: Lane, on eventLoop: any EventLoop, _ pool: UpstreamPool, numbers: RequestNumbers) {
        self.lane = lane
        self.eventLoop = eventLoop
        self.pool = pool
        self.numbers = numbers
        writeDate()
    }

    /// Begins to look at the time.
    func start() {
        let tick = TimeAmount(lane.times.tick)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in bound.value.tick() }
    }

    func stop() {
        timer?.cancel()
        pool.shutDown()
    }

    func drain() {
        for connection in connections { connection.drain() }
    }

    func nextNumber() -> RequestNumber { numbers.next() }

    private func tick() {
        let now = lane.calls.now()
        // The next one was asked for when the last one ended.
        if let tickEnded { lag.record(duration: max(.zero, tickEnded.duration(to: now) - lane.times.tick)) }
        writeDate()
        pool.tick(at: now)
        for connection in connections { connection.tick(at: now) }
        tickEnded = lane.calls.now()
    }

    private func writeDate() {
        let second = lane.secondsSince1970()
        guard second != dateSecond else { return }
        dateSecond = second
        dateLine = ByteBuffer(string: "Date: \(CivilTime(secondsSince1970: second).httpDate)\r\n")
    }

    // MARK: - Clients

    func add(_ connection: LaneHandler) {
        connection.index = connections.count
        connections.append(connection)
    }

    func remove(_ connection: LaneHandler) {
        guard connection.index < connections.count, connections[connection.index] === connection else { return }
        let last = connections.removeLast()
        if last !== connection {
            last.index = connection.index
            connections[last.index] = last
        }
    }
}
