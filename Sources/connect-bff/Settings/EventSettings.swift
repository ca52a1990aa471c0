import Core
import Webhooks

/// Where events are delivered, and the keys that sign them.
struct EventSettings: Sendable {
    let url: String
    let keys: [EventKey]

    /// Reads the two settings; `nil` when events are not delivered, or when there is a problem.
    static func read(_ reader: inout SettingsReader) async -> EventSettings? {
        let url: String? = await reader.value(.eventsURL) { (text) throws(SettingsReader.Unfit) in
            let address = try WebAddress(text)
            guard address.origin != nil else { throw .init("must start with https://") }
            guard !text.contains("#") else { throw .init("must not hold a fragment") }
            return address.text
        }
        let keys = await keys(&reader)
        switch (url, keys) {
        case (let url?, let keys?): return EventSettings(url: url, keys: keys)
        case (_?, nil):
            if await !reader.isSecretGiven(.eventsSecret) {
                reader.complain(.eventsSecret, "is required with BFF_EVENTS_URL: receivers authenticate events by it")
            }
        case (nil, _?):
            if await !reader.isGiven(.eventsURL) { reader.warn(.eventsSecret, "has no effect without BFF_EVENTS_URL") }
        case (nil, nil): break
        }
        return nil
    }

    /// Reads the keys alone, whose file may have changed.
    static func keys(_ reader: inout SettingsReader) async -> [EventKey]? {
        guard let secrets = await reader.secrets(.eventsSecret) else { return nil }
        let keys = secrets.compactMap { $0.expose { EventKey($0) } }
        guard keys.count == secrets.count else {
            reader.complain(
                .eventsSecret,
                "must be whsec_ and 24 to 64 bytes in base64, as `echo whsec_$(openssl rand -base64 32)` makes them, "
                    + "or a comma list of such")
            return nil
        }
        return keys
    }
}
