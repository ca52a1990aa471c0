import Core
import Edge
import Flatpeak
import NIOCore
import Sessions
import Wire

/// What the relay has on one event loop.
final class RelayLoop: FastPathLoop {
    let relay: SessionRelay
    let eventLoop: any EventLoop
    let pool: UpstreamPool
    /// Calls that are over: each relayed call would otherwise ask the heap for one.
    private var spareCalls: [RelayCall] = []

    private static let mostSpareCalls = 64

    init(_ relay: SessionRelay, on eventLoop: any EventLoop, _ pool: UpstreamPool) {
        self.relay = relay
        self.eventLoop = eventLoop
        self.pool = pool
    }

    func respond(
        to request: ReceivedRequest, _ body: ByteBuffer, for client: any FastPathClient,
        at now: ContinuousClock.Instant
    ) {
        var connectToken: ConnectToken?
        do throws(BFFError) {
            let envelope = try Envelope(body.readableBytesUInt8Span)
            connectToken = envelope.connectToken
            if request.head.names(relay.via) { throw .loopDetected }
            switch relay.admission.cachedDecision(on: envelope.connectToken) {
            case .admit(let session): try send(request, body, envelope, in: session, for: client, at: now)
            case .reject(let error): throw error
            case nil: admit(request, body, envelope, for: client)
            }
        } catch {
            relay.slots.release()
            client.fail(error, connectToken: connectToken, hasBegun: false)
        }
    }

    /// The slow path: the store is read, off this thread, while the connection waits.
    private func admit(
        _ request: ReceivedRequest, _ body: ByteBuffer, _ envelope: Envelope, for client: any FastPathClient
    ) {
        let admission = relay.admission
        let token = envelope.connectToken
        // The task ends within the time that the read is given.
        eventLoop.makeFutureWithTask { () -> Result<AdmittedSession, BFFError> in
            do throws(BFFError) { return .success(try await admission.admit(token)) } catch { return .failure(error) }
        }.assumeIsolated().whenComplete { result in
            // A failed future would mean that the loop is gone, and this connection with it.
            let admitted = (try? result.get()) ?? .failure(.internalFailure)
            do throws(BFFError) {
                let session = try admitted.get()
                guard client.isWaiting(for: request.number) else { throw .clientClosed }
                try self.send(request, body, envelope, in: session, for: client, at: self.relay.calls.now())
            } catch {
                self.relay.slots.release()
                guard client.isWaiting(for: request.number) else { return }
                client.fail(error, connectToken: token, hasBegun: false)
            }
        }
    }

    private func send(
        _ request: ReceivedRequest, _ body: ByteBuffer, _ envelope: Envelope, in session: AdmittedSession,
        for client: any FastPathClient, at now: ContinuousClock.Instant
    ) throws(BFFError) {
        // After the gate: tokens that this service did not mint take no memory.
        try relay.take(envelope.connectToken, at: request.receivedAt)
        var message = pool.flushes.takeBuffer(512 + body.readableBytes)
        message.writeImmutableBuffer(relay.requestStart)
        if let acceptLanguage = request.head.acceptLanguage {
            message.writeStaticString("Accept-Language: ")
            message.writeString(acceptLanguage)
            message.writeStaticString("\r\n")
        }
        var trace: CallTrace?
        if let tracer = relay.tracer {
            trace = CallTrace(tracer, request.method, request.path, request.number)
            trace?.write(into: &message)
        }
        message.writeStaticString("Content-Length: ")
        message.writeDecimal(body.readableBytes)
        message.writeStaticString("\r\n\r\n")
        message.writeImmutableBuffer(body)
        let call = makeCall(
            RelayCall.State(
                envelope: envelope, session: session, request: message, number: request.number, trace: trace,
                client: client, end: StoredInstant(now + relay.calls.deadline), tryStarted: StoredInstant(now)))
        client.exchangeBegan(call)
        try call.start()
    }

    private func makeCall(_ state: RelayCall.State) -> RelayCall {
        // Whoever still refers to a call that is over keeps it; its events must not reach another one.
        guard var call = spareCalls.popLast(), isKnownUniquelyReferenced(&call) else {
            return RelayCall(state, on: self)
        }
        call.become(state)
        return call
    }

    /// Keeps a call that is over, to become another one.
    func keep(_ call: RelayCall) {
        if spareCalls.count < Self.mostSpareCalls { spareCalls.append(call) }
    }

    func tick(at now: ContinuousClock.Instant) { pool.tick(at: now) }

    func shutDown() { pool.shutDown() }
}
