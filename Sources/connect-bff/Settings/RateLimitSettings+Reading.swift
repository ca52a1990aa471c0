import Edge
import Resilience

extension RateLimitSettings {
    /// Reads the three limits.
    ///
    /// A limit that is off is a warning, so that the decision is seen.
    static func read(_ reader: inout SettingsReader) async -> RateLimitSettings? {
        let mint = await reader.value(.mintLimit, limit)
        let relay = await reader.value(.relayLimit, limit)
        let address = await reader.value(.addressLimit, limit)
        guard let mint, let relay, let address else { return nil }
        for (setting, limit) in [(Setting.mintLimit, mint), (.relayLimit, relay), (.addressLimit, address)]
        where limit == .off {
            reader.warn(setting, "is off")
        }
        return RateLimitSettings(mint: mint.limit, relay: relay.limit, address: address.limit)
    }

    private enum Value: Equatable {
        case off
        case on(RateLimit)
        var limit: RateLimit? { if case .on(let limit) = self { limit } else { nil } }
    }

    /// `10/m`: a bucket of that size, refilled over a second, a minute or an hour.
    private static func limit(_ text: String) throws(SettingsReader.Unfit) -> Value {
        if text == "off" { return .off }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let periods: [Substring: Duration] = ["s": .seconds(1), "m": .seconds(60), "h": .seconds(3600)]
        guard parts.count == 2, let count = Int(parts[0]), (1...1_000_000).contains(count),
            let period = periods[parts[1]]
        else { throw .init("must be a number and a period such as 10/s, 10/m or 10/h, or the word off") }
        return .on(RateLimit(count: count, period: period))
    }
}
