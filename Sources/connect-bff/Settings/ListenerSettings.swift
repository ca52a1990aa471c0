import Edge

/// Where the service listens, and for how long once it stops.
struct ListenerSettings: Sendable {
    var address: ListenAddress
    let admin: ListenAddress
    /// How long connections are still accepted after SIGTERM.
    var drain = Duration.zero
    /// Client connections at a time; more wait in the backlog.
    var maximumConnections = 1000

    /// Reads the addresses, the permissions of a unix socket, and the drain window.
    static func read(_ reader: inout SettingsReader) async -> ListenerSettings? {
        let mode = await reader.value(.listenMode, fileMode) ?? 0
        let parse = { (text: String) throws(SettingsReader.Unfit) in try Self.address(text, mode: mode) }
        let address = await reader.value(.listen, parse)
        let admin = await reader.value(.adminListen, parse)
        if case .inherited? = admin { reader.complain(.adminListen, "must be host:port or unix:/path") }
        if let address, address == admin { reader.complain(.adminListen, "is the same as BFF_LISTEN") }
        let drain = await reader.value(.drain, SettingsReader.wholeSeconds(0...60))
        guard let address, let admin, let drain else { return nil }
        return ListenerSettings(address: address, admin: admin, drain: drain)
    }

    private static func fileMode(_ text: String) throws(SettingsReader.Unfit) -> UInt16 {
        guard (3...4).contains(text.utf8.count), let mode = UInt16(text, radix: 8), mode <= 0o777, mode & 0o600 == 0o600
        else { throw .init("must be permissions that let the service itself in, such as 660") }
        return mode
    }

    private static func address(_ text: String, mode: UInt16) throws(SettingsReader.Unfit) -> ListenAddress {
        if text == "systemd" { return .inherited(sockets: 1) }
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard path.hasPrefix("/") else { throw .init("needs a path from the root: unix:/run/connect-bff.sock") }
            guard path.utf8.count < 108 else { throw .init("has a path that is too long for a socket") }
            return .unix(path: path, mode: mode)
        }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else { throw .init("must be host:port, unix:/path or systemd") }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { throw .init("must be host:port, unix:/path or systemd") }
        return .tcp(host: host, port: port)
    }
}
