package import FoundationEssentials

extension Sandbox {
    /// How the sandbox behaves.
    package enum Mode: String, CaseIterable, Sendable {
        /// As documented.
        case plain
        /// Every documented contradiction and an unknown page, for clients that must survive them.
        case odd
        /// Refuses whatever the documents do not allow.
        case strict
    }

    /// What follows when a page is answered that is older than the session's current one; the documents do not say.
    package enum OlderPages: String, CaseIterable, Sendable {
        /// The session goes back to that page, and takes the answer.
        case rewind
        /// The current page is the answer, and nothing is taken; only CLOSE still leaves.
        case leadOn = "lead_on"
    }

    /// What the web app can show and no document has: sent when it is asked for.
    package enum ExtraPage: String, CaseIterable, Sendable {
        /// A page without data, in place of a redirect to the callback.
        case completeTariff = "complete_tariff"
        /// A page with `error_code` and `error_message`, in place of any answer; nothing is carried out.
        case error
        /// `tariff.reconnect_required` on a summary.
        case reconnectRequired = "reconnect_required"
    }

    /// What prices and schedules say about the next ones.
    package enum NextUpdate: Equatable, Sendable {
        /// When the sandbox will know more: in the afternoon on a market, at midnight elsewhere.
        case published
        /// Seconds after the answer.
        case after(TimeInterval)
        /// Nothing, as in one edition.
        case absent
    }

    /// What a sandbox starts with.
    package struct Configuration: Sendable {
        /// `acc_` and 24 hex digits.
        package var account = "acc_5a4db0c5000000000000ac01"
        /// A key that begins with `sk_live_` logs in to live mode, any other to test mode.
        package var keys = ["sk_test_sandbox"]
        package var host = "127.0.0.1"
        /// Port of the API host, with Connect, control and the provider on the next three; 0 for any free ports.
        package var port = 8090
        /// Seconds that a bearer lives.
        package var bearerLife: TimeInterval = 3600
        /// Seconds that a connect token lives.
        package var tokenLife: TimeInterval = 86_400
        /// The account's default `Flatpeak-Version`; an older one is refused.
        package var accountVersion = "2025-09-14.anode"
        package var mode = Mode.plain
        package var olderPages = OlderPages.rewind
        /// Where events are delivered, by `http:` alone; nil delivers nothing.
        package var webhookURL: String?
        /// The clock, before anything that the control surface adds to it.
        package var now: @Sendable () -> Date = { Date() }
        /// Identifiers follow from it.
        package var seed = UInt64.random(in: .min ... .max)

        /// The defaults above.
        package init() {}
    }

    /// Where the four hosts listen, as `http://host:port`.
    package struct Addresses: Equatable, Sendable {
        package let api: String
        package let connect: String
        package let control: String
        package let provider: String

        /// The hosts of a sandbox that was started on `port` and the three after it.
        package static func onPorts(from port: Int, host: String = "127.0.0.1") -> Addresses {
            let urls = (port..<port + 4).map { "http://\(host):\($0)" }
            return Addresses(api: urls[0], connect: urls[1], control: urls[2], provider: urls[3])
        }
    }
}
