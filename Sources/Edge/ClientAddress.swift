import Core

/// Whose request this is, by address: the connection's peer, or what our own reverse proxies say of it.
struct ClientAddress {
    /// The nearest address that is not a proxy of ours; nil behind a unix socket whose proxy said nothing usable.
    let address: IPAddress?

    /// Walks the forwarding headers from the nearest hop to the farthest, and stops at the first that is not trusted,
    /// or not an address: from there on everything is the client's own word.
    init(_ head: RequestHeadFacts, from peer: Peer, behind proxies: TrustedProxies) {
        var nearest = peer
        for hop in Self.hops(head, in: proxies.header).reversed() {
            guard proxies.contains(nearest), let address = Self.address(hop) else { break }
            nearest = .address(address)
        }
        address = if case .address(let address) = nearest { address } else { nil }
    }

    /// The header that the proxies write is read, and the other one never: a client can send it through them.
    private static func hops(_ head: RequestHeadFacts, in header: ForwardedHeader) -> [String] {
        switch header {
        case .xForwardedFor where head.forwardedFor.isEmpty, .forwarded where head.forwarded.isEmpty: return []
        case .xForwardedFor: break
        case .forwarded:
            return head.forwarded.joined(separator: ",").splitBytes(at: ",").map { element in
                element.splitBytes(at: ";").lazy
                    .map { $0.withoutBlankEnds.splitBytes(at: "=", maxSplits: 1) }
                    .first { $0.count == 2 && $0[0].equalsIgnoringASCIICase("for") }
                    .map { String($0[1]) } ?? ""
            }
        }
        return head.forwardedFor.joined(separator: ",").splitBytes(at: ",").map(String.init)
    }

    /// `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`, each with or without quotes.
    static func address(_ text: String) -> IPAddress? {
        let text = text.withoutBlankEnds.withoutQuotes
        if text.hasBytePrefix("[") {
            let parts = text.splitBytes(at: "]", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            let port = parts[1].splitBytes(at: ":", maxSplits: 1)
            guard port.first?.isEmpty == true, port.dropFirst().allSatisfy(\.isDigits) else { return nil }
            return IPAddress(parts[0].splitBytes(at: "[", maxSplits: 1)[1])
        }
        let parts = text.splitBytes(at: ":")
        guard parts.count == 2 else { return IPAddress(text) }
        return parts[1].isDigits ? IPAddress(parts[0]) : nil
    }
}
