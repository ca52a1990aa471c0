import Core
import Relay

/// Whose request this is, by address: the connection's peer, or what our own reverse proxies say of it.
struct ClientAddress {
    /// The nearest address that is not a proxy of ours; nil behind a unix socket whose proxy said nothing usable.
    let address: IPAddress?

    /// Walks the forwarding headers from the nearest hop to the farthest, and stops at the first that is not trusted,
    /// or not an address: from there on everything is the client's own word.
    init(_ head: JudgedHead, from peer: Peer, behind proxies: TrustedProxies) {
        var nearest = peer
        for hop in Self.hops(head, in: proxies.header).reversed() {
            guard proxies.contains(nearest), let address = Self.address(hop) else { break }
            nearest = .address(address)
        }
        address = if case .address(let address) = nearest { address } else { nil }
    }

    /// The header that the proxies write is read, and the other one never: a client can send it through them.
    private static func hops(_ head: JudgedHead, in header: ForwardedHeader) -> [String] {
        switch header {
        case .xForwardedFor where head.forwardedFor.isEmpty, .forwarded where head.forwarded.isEmpty: return []
        case .xForwardedFor: break
        case .forwarded:
            return head.forwarded.joined(separator: ",").split(separator: ",", omittingEmptySubsequences: false).map {
                element in
                element.split(separator: ";").lazy
                    .map(\.trimmedOfBlanks)
                    .first { $0.lowercased().hasPrefix("for=") }
                    .map { String($0.dropFirst(4)) } ?? ""
            }
        }
        return head.forwardedFor.joined(separator: ",")
            .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    /// `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`, each with or without quotes.
    static func address(_ text: String) -> IPAddress? {
        var text = text[...].trimmedOfBlanks
        if text.hasPrefix("\""), text.hasSuffix("\""), text.count > 1 { text = text.dropFirst().dropLast() }
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let port = text[text.index(after: end)...]
            guard port.isEmpty || (port.hasPrefix(":") && port.dropFirst().allSatisfy(\.isNumber)) else { return nil }
            return IPAddress(text[text.index(after: text.startIndex)..<end])
        }
        if text.count(where: { $0 == ":" }) == 1, let colon = text.firstIndex(of: ":") {
            guard text[text.index(after: colon)...].allSatisfy(\.isNumber) else { return nil }
            return IPAddress(text[..<colon])
        }
        return IPAddress(text)
    }
}
