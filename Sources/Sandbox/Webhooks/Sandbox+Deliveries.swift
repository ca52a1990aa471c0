import FoundationEssentials
import NIOCore
import NIOPosix

/// Events on their way out: signed and sent by the sandbox itself.
extension Sandbox {
    /// How often it is looked what is due.
    private static let interval = TimeAmount.milliseconds(20)

    /// Sends what is due, again and again, until the returned task is cancelled.
    func startDelivering() -> RepeatedTask {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        return loop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) { _ in
            self.deliverDue(on: loop)
        }
    }

    private func deliverDue(on loop: any EventLoop) {
        let (settings, due) = withWorld { world, now in
            world.advance(to: now)
            return (world.deliveries.settings, world.deliveries.take(at: now))
        }
        guard let address = settings.url.flatMap(DeliveryClient.Address.init) else { return }
        for (number, delivery) in due {
            let headers = headers(of: delivery, settings)
            withWorld { world, _ in world.deliveries.keep(headers, of: number) }
            guard !settings.isDown else {
                end(number, status: 0, since: .now())
                continue
            }
            let started = NIODeadline.now()
            let copies = (0..<max(1, settings.copies)).map { _ in
                DeliveryClient.post(to: address, headers: headers, body: delivery.body, on: loop)
                    .recover { _ in 0 }
            }
            EventLoopFuture.whenAllSucceed(copies, on: loop).whenSuccess { statuses in
                // Good when one of them was; a receiver that takes one of two has it.
                self.end(number, status: statuses.first { (200..<300).contains($0) } ?? statuses[0], since: started)
            }
        }
    }

    private func end(_ number: Int, status: Int, since started: NIODeadline) {
        let took = Double((NIODeadline.now() - started).nanoseconds) / 1e6
        withWorld { world, now in
            world.deliveries.ended(number, .init(at: now, status: status, milliseconds: took))
        }
    }

    /// The headers of upstream.md §5.4.
    private func headers(
        of delivery: Deliveries.Delivery, _ settings: DeliverySettings
    ) -> [(name: String, value: String)] {
        if !settings.isResigned, let headers = delivery.headers { return headers }
        let common = [(name: "Content-Type", value: "application/json"), ("Flatpeak-Version", delivery.version)]
        // The first signature is as old as the event, so that a delay makes it late.
        let signedAt = delivery.attempts.isEmpty ? delivery.created : now
        let timestamp = String(signedAt.epochSeconds)
        let message = Array("\(timestamp).".utf8) + delivery.body + (settings.signature == .bad ? [0] : [])
        guard settings.signature != .none, let signed = try? webhookKeys.sign(message, live: delivery.isLive) else {
            return common + [("Flatpeak-Signature", "none")]
        }
        return common + [
            ("Flatpeak-Signature", "v1=" + base64URL(signed.signature)), ("Flatpeak-Signature-Scheme", "v1"),
            ("Flatpeak-Timestamp", timestamp), ("Flatpeak-Key-ID", signed.keyID),
        ]
    }

    // MARK: - Controls

    package var deliverySettings: DeliverySettings {
        withWorld { world, _ in world.deliveries.settings }
    }

    /// Changes how events are delivered from now on.
    package func deliver(_ settings: DeliverySettings) {
        withWorld { world, _ in world.deliveries.settings = settings }
    }

    /// Makes a new key; the one before stays in the key set unless it is retired.
    package func rotateWebhookKeys(retiring: Bool) throws {
        try webhookKeys.rotate(retiring: retiring)
    }

    /// Records events of the first account, as if something had happened, and delivers them.
    /// - Parameter perSecond: How fast they are delivered; all at once when nil.
    /// - Returns: Their ids.
    @discardableResult
    func emit(_ type: String, _ data: [String: JSON], live: Bool, count: Int, perSecond: Double?) -> [String] {
        withWorld { world, now in
            (0..<count).map { number in
                world.record(
                    type, data, scope: Scope(account: configuration.account, live: live), at: now,
                    after: perSecond.map { Double(number) / $0 } ?? 0)
            }
        }
    }
}
