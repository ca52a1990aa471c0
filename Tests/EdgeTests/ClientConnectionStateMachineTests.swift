import Core
import HTTPTypes
import NIOCore
import NIOEmbedded
import Resilience
import Testing
import Wire

@testable import Edge

@Suite struct ClientConnectionStateMachineTests {
    private static let start = ContinuousClock.now
    private let times = ConnectionTimes()

    private func at(_ seconds: Double) -> ContinuousClock.Instant { Self.start + .seconds(seconds) }

    private func machine(isDraining: Bool = false) -> ClientConnectionStateMachine {
        ClientConnectionStateMachine(at: Self.start, isDraining: isDraining)
    }

    private func request(_ number: UInt32 = 1, keepsAlive: Bool = true, at seconds: Double = 0) -> ReceivedRequest {
        ReceivedRequest(
            number: RequestNumber(high: 0, low: number), method: "POST", path: "/", head: RequestHeadFacts(),
            keepsAlive: keepsAlive, from: .unknown, at: at(seconds))
    }

    private let piece = ByteBuffer(string: "{}")

    // MARK: - Fast path

    @Test(arguments: [true, false]) func `a fast path's request owns the connection until its response is written`(
        cameWhole: Bool
    ) {
        var machine = machine()
        let request = request()
        if cameWhole {
            #expect(machine.wholeRequestRead(request, refusal: nil) == .acquireSlot)
        } else {
            #expect(
                machine.fastPathHeadRead(request, refusal: nil, from: CallerKey(1)) == .readBody(sendsContinue: false))
            #expect(machine.readsRequests)
            guard case .none = machine.bodyRead(piece, limit: 10, reserve: { _, _ in true }) else {
                Issue.record("the body is kept")
                return
            }
            guard case .acquireSlot(piece, releasing: 2) = machine.requestEnded() else {
                Issue.record("the request is whole")
                return
            }
        }
        #expect(machine.holdsUnread)
        #expect(machine.isWaiting(for: request.number))
        #expect(machine.responseHeadWritten() == true)
        machine.responseBegan(200, isChunked: false, ByteBuffer())
        #expect(machine.holdsUnread)
        #expect(!machine.isWaiting(for: request.number))
        #expect(machine.responseFinished(at: at(2)) == .readNext)
        #expect(machine.isIdle)
        #expect(machine.connectionClosed().map(\.releasing) == nil)
    }

    enum Ending: CaseIterable { case client, draining, drainingMeanwhile, ending, endingAfterHead }

    @Test(arguments: Ending.allCases) func `the last response ends the connection`(ending: Ending) {
        var machine = machine(isDraining: ending == .draining)
        _ = machine.wholeRequestRead(request(keepsAlive: ending != .client), refusal: nil)
        if ending == .drainingMeanwhile { machine.startDraining() }
        if ending == .ending { machine.startEnding() }
        #expect(machine.responseHeadWritten() == (ending == .endingAfterHead))
        if ending == .endingAfterHead { machine.startEnding() }
        #expect(machine.responseFinished(at: at(1)) == .close)
        #expect(machine.isClosing)
        #expect(machine.lastResponseSent(at: at(2)) == .closeOutput)
    }

    @Test func `a refusal waits for the end of a small body, and for no more of a large one`() {
        var small = machine(), large = machine()
        _ = small.fastPathHeadRead(request(), refusal: .originNotAllowed, from: CallerKey(1))
        guard case .respond(.originNotAllowed, releasing: 0) = small.requestEnded() else {
            Issue.record("not refused")
            return
        }
        #expect(small.responseHeadWritten() == true)
        _ = large.fastPathHeadRead(request(), refusal: .originNotAllowed, from: CallerKey(1))
        guard case .respond(.originNotAllowed, releasing: 0) = large.readCompleted() else {
            Issue.record("not refused")
            return
        }
        #expect(large.responseHeadWritten() == false)
    }

    @Test(arguments: [true, false]) func `memory of a body is given back when the request is refused`(isFull: Bool) {
        var machine = machine()
        _ = machine.fastPathHeadRead(request(), refusal: nil, from: CallerKey(1))
        _ = machine.bodyRead(piece, limit: 3, reserve: { _, _ in true })
        let action = machine.bodyRead(piece, limit: 3, reserve: { _, _ in !isFull })
        guard case .respond(let error, let releasing) = action else {
            Issue.record("not refused")
            return
        }
        #expect(error == (isFull ? .overloaded : .bodyTooLarge(limit: 3)))
        #expect(releasing == (isFull ? 2 : 4))
        #expect(machine.responseHeadWritten() == false)
    }

    @Test func `a slot that comes too late is released`() {
        var machine = machine()
        let (first, second) = (request(1), request(2))
        _ = machine.wholeRequestRead(first, refusal: nil)
        #expect(machine.slotDecided(true, for: second) == .releaseSlot)
        #expect(machine.slotDecided(false, for: second) == .none)
        #expect(machine.slotDecided(true, for: first) == .work)
        #expect(machine.slotDecided(false, for: first) == .respond(.overloaded))
        #expect(machine.connectionClosed()?.request.number == first.number)
        #expect(machine.slotDecided(true, for: first) == .releaseSlot)
    }

    // MARK: - Router

    /// The work of a router that takes bodies of 10 bytes, or none.
    private func exchange(bodyLimit: Int? = 10) -> RoutedExchange {
        RoutedExchange(
            RoutedCall(bodyLimit: bodyLimit, deadline: .seconds(20), isSafe: true) { _ in
                RoutedResponse(status: .ok, headers: [:], body: .bytes([]))
            }, RoutedRequest(request(), HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/")), for: nil,
            on: EmbeddedEventLoop())
    }

    @Test(arguments: [true, false]) func `a response that comes before the request is whole ends the connection`(
        comesEarly: Bool
    ) {
        var machine = machine()
        let request = request()
        _ = machine.routedHeadRead(request, exchange(), isTooLarge: false, from: CallerKey(1))
        _ = machine.bodyRead(piece, limit: 1, reserve: { _, _ in true })
        if !comesEarly {
            guard case .deliver(_, piece, releasing: 2) = machine.requestEnded() else {
                Issue.record("the request is whole")
                return
            }
            #expect(machine.holdsUnread)
        }
        #expect(machine.routedResponseBegan(for: request.number, isRefusal: false) == (comesEarly ? 2 : 0))
        #expect(machine.responseHeadWritten() == !comesEarly)
        #expect(machine.responseFinished(at: at(1)) == (comesEarly ? .close : .readNext))
    }

    @Test func `a body that no route wants is not kept`() {
        var machine = machine()
        _ = machine.routedHeadRead(request(), exchange(bodyLimit: nil), isTooLarge: false, from: CallerKey(1))
        _ = machine.bodyRead(piece, limit: 10) { _, _ in
            Issue.record("memory is taken")
            return true
        }
        guard case .deliver(_, ByteBuffer(), releasing: 0) = machine.requestEnded() else {
            Issue.record("something was kept")
            return
        }
    }

    @Test(arguments: [true, false]) func `a client that waits is asked for its body, unless it announces too much`(
        isTooLarge: Bool
    ) {
        var machine = machine()
        let bytes = Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n".utf8)
        var reader = RequestReader()
        var offset = 0
        guard case .head(let head) = reader.next(bytes.span, &offset) else {
            Issue.record("not a head")
            return
        }
        let request = ReceivedRequest(
            number: RequestNumber(high: 0, low: 1), method: "POST", path: "/",
            head: RequestHeadFacts(head, in: bytes.span), keepsAlive: true, from: .unknown, at: at(0))
        #expect(
            machine.routedHeadRead(request, exchange(bodyLimit: nil), isTooLarge: isTooLarge, from: CallerKey(1))
                == .readBody(sendsContinue: !isTooLarge))
    }

    @Test(arguments: [true, false]) func `the router's work learns that its request does not come whole`(
        isTooLarge: Bool
    ) {
        var machine = machine()
        let request = request()
        _ = machine.routedHeadRead(request, exchange(), isTooLarge: false, from: CallerKey(1))
        let action: ClientConnectionStateMachine.RefusalAction
        if isTooLarge {
            action = machine.bodyRead(ByteBuffer(repeating: 0, count: 11), limit: 100, reserve: { _, _ in true })
        } else if case .refuse(let refusal) = machine.failed(.malformedHeader) {
            action = refusal
        } else {
            action = .none
        }
        guard case .failBody(_, let error, let releasing) = action else {
            Issue.record("not told")
            return
        }
        #expect(error == (isTooLarge ? .bodyTooLarge(limit: 10) : .malformedHeader))
        #expect(releasing == (isTooLarge ? 11 : 0))
        #expect(machine.routedResponseBegan(for: request.number, isRefusal: false) == 0)
        #expect(machine.responseHeadWritten() == false)
    }

    @Test func `a refusal of the body's size ends the connection`() {
        var machine = machine()
        let request = request()
        _ = machine.routedHeadRead(request, exchange(), isTooLarge: false, from: CallerKey(1))
        _ = machine.requestEnded()
        #expect(machine.routedResponseBegan(for: request.number, isRefusal: true) == 0)
        #expect(machine.responseHeadWritten() == false)
    }

    @Test func `a response to a request that is over comes too late`() {
        var machine = machine()
        _ = machine.headRefused(request(2), .malformedHeader)
        #expect(machine.routedResponseBegan(for: request(1).number, isRefusal: false) == nil)
        _ = machine.connectionClosed()
        #expect(machine.routedResponseBegan(for: request(2).number, isRefusal: false) == nil)
    }

    @Test func `a stream lasts as long as its client reads it`() {
        var machine = machine()
        let request = request()
        _ = machine.routedHeadRead(request, exchange(), isTooLarge: false, from: CallerKey(1))
        _ = machine.requestEnded()
        _ = machine.routedResponseBegan(for: request.number, isRefusal: false)
        machine.responseBegan(200, isChunked: true, isStream: true, ByteBuffer())
        guard case .none = machine.tick(at: at(3600), times) else {
            Issue.record("cut off")
            return
        }
    }

    // MARK: - Ends

    @Test func `the end of the client's side ends the connection after what came before it was answered`() {
        var machine = machine()
        _ = machine.wholeRequestRead(request(), refusal: nil)
        #expect(machine.inputEnded() == .readOn)
        guard case .notify = machine.inputMayBeReported(unread: 0, at: at(3)) else {
            Issue.record("the work does not learn it")
            return
        }
        guard case .none = machine.inputMayBeReported(unread: 1, at: at(3)) else {
            Issue.record("later requests are still to be answered")
            return
        }
        _ = machine.responseHeadWritten()
        #expect(machine.responseFinished(at: at(2)) == .readNext)
        guard case .close = machine.inputMayBeReported(unread: 0, at: at(3)) else {
            Issue.record("not closed")
            return
        }
        #expect(machine.isClosing, "what was written leaves first")
        guard case .none = machine.inputMayBeReported(unread: 0, at: at(3)) else {
            Issue.record("reported twice")
            return
        }
    }

    @Test func `a connection that is done waits until its last response has left`() {
        var machine = machine()
        _ = machine.headRefused(request(), .malformedHeader)
        _ = machine.responseHeadWritten()
        _ = machine.responseFinished(at: at(0))
        #expect(machine.inputEnded() == .none)
        #expect(machine.lastResponseSent(at: at(1)) == .close)
        #expect(machine.inputEnded() == .close)
    }

    // MARK: - Time

    /// A state, the seconds after which it is given up, and how.
    enum Wait: CaseIterable { case idle, head, oversized, body, routedBody, answer, write, linger, farewell }

    @Test(arguments: Wait.allCases) func `each wait has its limit`(wait: Wait) {
        var machine = machine()
        let limit: Duration
        switch wait {
        case .idle: limit = times.idle
        case .head:
            machine.readerPaused(unread: 1, at: at(0))
            limit = times.head
        case .oversized:
            let bytes: [UInt8] = Array("GET / HTTP/1.1\r\n".utf8)
            guard case .none = machine.headOverflowed(bytes.span, .headersTooLarge, at: at(0)) else {
                Issue.record("its end has not arrived")
                return
            }
            limit = times.head
        case .body:
            _ = machine.fastPathHeadRead(request(), refusal: nil, from: CallerKey(1))
            limit = times.body
        case .routedBody:
            _ = machine.routedHeadRead(request(), exchange(), isTooLarge: false, from: CallerKey(1))
            limit = times.body
        case .answer:
            _ = machine.wholeRequestRead(request(), refusal: nil)
            machine.responseBegan(200, isChunked: false, ByteBuffer())
            limit = times.answer
        case .write, .linger:
            _ = machine.headRefused(request(), .malformedHeader)
            _ = machine.responseFinished(at: at(0))
            if wait == .linger { _ = machine.lastResponseSent(at: at(0)) }
            limit = wait == .linger ? times.linger : times.write
        case .farewell:
            machine.startEnding()
            limit = times.farewell
        }
        guard case .none = machine.tick(at: Self.start + limit, times) else {
            Issue.record("too early")
            return
        }
        let action = machine.tick(at: Self.start + limit + .milliseconds(1), times)
        switch (wait, action) {
        case (.head, .refuseHead(.requestTimedOut)), (.oversized, .refuseHead(.headersTooLarge)),
            (.body, .refuse(.respond(.requestTimedOut, _))), (.routedBody, .refuse(.failBody(_, .requestTimedOut, _))):
            break
        case (.idle, .close), (.answer, .close), (.write, .close), (.linger, .close), (.farewell, .close): break
        default: Issue.record("\(wait): \(action)")
        }
    }

    // MARK: - Model

    /// Replays random events as a connection may produce them, and holds what no order of them may break.
    @Test(arguments: 0..<200) func `no order of events breaks what was promised`(seed: Int) {
        var random = SplitMix64(state: UInt64(seed))
        var machine = machine()
        var model = Model(exchange: exchange())
        for step in 0..<400 {
            let event = Model.Event.allCases.randomElement(using: &random) ?? .tick
            guard model.step(event, &machine, number: UInt32(step), at: at(Double(step) / 10), &random) else {
                Issue.record("seed \(seed), step \(step): \(event) in \(machine.state)")
                return
            }
            if machine.isClosing, step > 300 { break }
        }
        if let (request, _, releasing) = machine.connectionClosed() {
            model.reserved -= releasing
            model.logged.append(request.number)
        }
        #expect(model.reserved == 0, "memory of bodies is given back")
        #expect(Set(model.logged).count == model.logged.count, "a request is logged once")
        #expect(model.logged.count == model.begun, "every request is logged")
    }
}

private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A naive connection: performs actions on counters, and says when one is illegal.
private struct Model {
    enum Event: CaseIterable {
        case whole, fastHead, routedHead, refusedHead, body, end, readCompleted, fault, framing, slot, began, responded,
            failed, routed, input, report, drain, ending, sent, tick, bytes
    }

    let exchange: RoutedExchange
    /// Requests that have begun, and those that were logged.
    var begun = 0
    var logged: [RequestNumber] = []
    var reserved = 0
    /// What the last head of a response promised about the connection.
    fileprivate var promised: Bool?

    /// - Returns: Whether all that happened is legal.
    mutating func step(
        _ event: Event, _ machine: inout ClientConnectionStateMachine, number: UInt32,
        at now: ContinuousClock.Instant, _ random: inout SplitMix64
    ) -> Bool {
        let request = ReceivedRequest(
            number: RequestNumber(high: 0, low: number), method: "POST", path: "/", head: RequestHeadFacts(),
            keepsAlive: Int.random(in: 0..<8, using: &random) > 0, from: .unknown, at: now)
        let refusal: BFFError? = Bool.random(using: &random) ? nil : .originNotAllowed
        switch event {
        case .whole where machine.isIdle:
            begun += 1
            if case .respond = machine.wholeRequestRead(request, refusal: refusal) { return respond(&machine, at: now) }
            return machine.holdsUnread
        case .fastHead where machine.isIdle:
            begun += 1
            _ = machine.fastPathHeadRead(request, refusal: refusal, from: CallerKey(1))
            return machine.readsRequests
        case .routedHead where machine.isIdle:
            begun += 1
            _ = machine.routedHeadRead(request, exchange, isTooLarge: false, from: CallerKey(1))
            return machine.readsRequests
        case .refusedHead where machine.isIdle:
            begun += 1
            guard case .respond = machine.headRefused(request, .malformedHeader) else { return false }
            return respond(&machine, at: now)
        case .body where machine.readsRequests && !machine.isIdle:
            let takes = Int.random(in: 0..<8, using: &random) > 0
            var taken = 0
            let action = machine.bodyRead(ByteBuffer(string: "abcd"), limit: 10) { count, _ in
                if takes { taken = count }
                return takes
            }
            reserved += taken
            return perform(action, &machine, at: now)
        case .end where machine.readsRequests && !machine.isIdle:
            switch machine.requestEnded() {
            case .none: return false
            case .acquireSlot(_, let releasing):
                reserved -= releasing
                return machine.holdsUnread
            case .respond(_, let releasing):
                reserved -= releasing
                return respond(&machine, at: now)
            case .deliver(_, _, let releasing):
                reserved -= releasing
                return machine.holdsUnread
            }
        case .readCompleted: return perform(machine.readCompleted(), &machine, at: now)
        case .fault: return perform(machine.failed(.malformedHeader), &machine, at: now, number)
        case .framing:
            return perform(machine.framingRead(20 << 10, limit: 10), &machine, at: now, number)
        case .slot:
            guard let current = machine.request, machine.isWaiting(for: current.number) else { return true }
            if case .respond = machine.slotDecided(false, for: current) { return respond(&machine, at: now) }
            return false
        case .began:
            guard let current = machine.request, machine.isWaiting(for: current.number) else { return true }
            promised = machine.responseHeadWritten()
            machine.responseBegan(200, isChunked: false, ByteBuffer())
            return machine.withPending { pending, _ in pending != nil } == true
        case .responded:
            guard case .answering = machine.state, let current = machine.request else { return true }
            logged.append(current.number)
            return finish(machine.responseFinished(at: now), machine)
        case .failed:
            guard case .answering = machine.state, let current = machine.request else { return true }
            logged.append(current.number)
            machine.responseBroke(at: now)
            return machine.isClosing
        case .routed:
            guard let number = machine.request?.number, machine.exchange === exchange,
                let releasing = machine.routedResponseBegan(for: number, isRefusal: false)
            else { return true }
            reserved -= releasing
            return respond(&machine, at: now)
        case .input: return machine.inputEnded() == .readOn || machine.isClosing
        case .report:
            switch machine.inputMayBeReported(unread: Bool.random(using: &random) ? 1 : 0, at: now) {
            case .none, .notify: return true
            case .close: return machine.isClosing
            case .refuseHead: return refuseHead(&machine, at: now, number)
            case .refuse(let refusal): return perform(refusal, &machine, at: now)
            }
        case .drain:
            if Int.random(in: 0..<50, using: &random) == 0 { machine.startDraining() }
            return true
        case .ending:
            if Int.random(in: 0..<100, using: &random) == 0 { machine.startEnding() }
            return true
        case .sent:
            guard case .closing = machine.state else { return true }
            _ = machine.lastResponseSent(at: now)
            return machine.isClosing
        case .tick: return perform(machine.tick(at: now, ConnectionTimes()), &machine, at: now, number)
        case .bytes:
            let action = machine.bytesArrived(1 << 10)
            return machine.readsRequests || machine.holdsUnread ? action == .read : action != .read
        case .whole, .fastHead, .routedHead, .refusedHead, .body, .end: return true
        }
    }

    private mutating func respond(
        _ machine: inout ClientConnectionStateMachine, at now: ContinuousClock.Instant
    ) -> Bool {
        guard let current = machine.request, machine.isWaiting(for: current.number) else { return false }
        promised = machine.responseHeadWritten()
        logged.append(current.number)
        return finish(machine.responseFinished(at: now), machine)
    }

    /// A connection that was promised to live lives, unless the service stops; any other ends.
    private func finish(
        _ action: ClientConnectionStateMachine.FinishAction, _ machine: ClientConnectionStateMachine
    ) -> Bool {
        switch action {
        case .none: false
        case .readNext: machine.isIdle && promised == true
        case .close: machine.isClosing && (promised == false || machine.isEnding)
        }
    }

    private mutating func refuseHead(
        _ machine: inout ClientConnectionStateMachine, at now: ContinuousClock.Instant, _ number: UInt32
    ) -> Bool {
        guard machine.isIdle else { return false }
        begun += 1
        let request = ReceivedRequest(
            number: RequestNumber(high: 1, low: number), method: "UNKNOWN", path: "", head: RequestHeadFacts(),
            from: .unknown, at: now)
        _ = machine.headRefused(request, .malformedHeader)
        return respond(&machine, at: now)
    }

    private mutating func perform(
        _ action: ClientConnectionStateMachine.RefusalAction, _ machine: inout ClientConnectionStateMachine,
        at now: ContinuousClock.Instant
    ) -> Bool {
        switch action {
        case .none: return true
        case .respond(_, let releasing):
            reserved -= releasing
            return respond(&machine, at: now)
        case .failBody(_, _, let releasing):
            reserved -= releasing
            return machine.holdsUnread
        }
    }

    private mutating func perform(
        _ action: ClientConnectionStateMachine.FaultAction, _ machine: inout ClientConnectionStateMachine,
        at now: ContinuousClock.Instant, _ number: UInt32
    ) -> Bool {
        switch action {
        case .none, .close: return true
        case .refuseHead: return refuseHead(&machine, at: now, number)
        case .refuse(let refusal): return perform(refusal, &machine, at: now)
        }
    }
}
