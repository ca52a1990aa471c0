import Core
import NIOCore

/// How a connection ends: by its client, by time, or with the service.
extension ClientConnectionHandler {
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The connection may be closed now, and with it what was written but not sent.
        context.flush()
        switch event {
        case ChannelEvent.inputClosed:
            switch machine.inputEnded() {
            case .readOn: resume()
            case .close: context.close(promise: nil)
            case .none: break
            }
        // `tick` closes a silent connection, with some grace.
        case is ChannelShouldQuiesceEvent: startEnding()
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Reports that the client has ended its side, once all that came before was read.
    func reportInputEnd() {
        guard !isHeldBack else { return }
        switch machine.inputMayBeReported(unread: unread.readableBytes, at: shared.now()) {
        case .none: break
        case .close: sendLast(ByteBuffer())
        case .refuseHead(let error): refuseHead(error)
        case .refuse(let refusal): perform(refusal)
        case .notify: machine.exchange?.inputEnded()
        }
    }

    private func startEnding() {
        guard !machine.isEnding else { return }
        machine.startEnding()
        machine.exchange?.serviceStops()
    }

    func lastResponseSent() {
        guard let context else { return }
        switch machine.lastResponseSent(at: shared.now()) {
        case .closeOutput: context.close(mode: .output, promise: nil)
        case .close: context.close(promise: nil)
        }
        readIfWanted(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        connectionClosed()
        context.fireChannelInactive()
    }

    func connectionClosed() {
        loop.remove(self)
        unread = ByteBuffer()
        guard let (request, exchange, reserved) = machine.connectionClosed() else { return }
        release(reserved, of: request)
        log(request, exchange, BFFError.clientClosed.status, BFFError.clientClosed.code, at: shared.now())
        exchange?.clientLeft()
    }

    /// The service is about to stop.
    func drain() { machine.startDraining() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isStalled = !context.channel.isWritable
        progress = isStalled ? progress ?? WriteProgress(at: shared.now()) : nil
        machine.exchange?.holdBack(isStalled)
        // On a fresh stack, not inside the flush that made room.
        if !isStalled { loop.eventLoop.assumeIsolated().execute { self.resume() } }
        context.fireChannelWritabilityChanged()
    }

    /// Whether the client reads nothing, or too slowly to be waited for.
    private func isStalled(at now: ContinuousClock.Instant) -> Bool {
        guard progress != nil, let context else { return false }
        let times = shared.times
        let pending = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? .max
        return progress?.isStalled(
            pending: pending, at: now, still: shared.isEnding ? times.linger : times.write, behind: times.behind)
            ?? false
    }

    func tick(at now: ContinuousClock.Instant) {
        if shared.isEnding { startEnding() }
        if isStalled(at: now) {
            context?.close(promise: nil)
            return
        }
        machine.exchange?.tick(at: now)
        perform(machine.tick(at: now, shared.times))
    }
}
