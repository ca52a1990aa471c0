import Core
import FoundationEssentials
import Networking
import Sessions

extension OutgoingEvent {
    /// What the receiver reads: the same bytes at every try.
    var message: [UInt8] {
        get throws(BFFError) {
            // No data would make no JSON.
            guard !event.data.isEmpty else { throw .internalFailure }
            let head = try JSONBody.encode(Head(self))
            // The data goes out as it came, to the byte: it is JSON already.
            return head.dropLast() + Array(#","data":"#.utf8) + event.data + [UInt8(ascii: "}")]
        }
    }

    private struct Head: Encodable {
        let id: String
        let type: String
        let timestamp: Date
        let sequence: Int?

        init(_ outgoing: OutgoingEvent) {
            id = outgoing.event.id.text
            type = outgoing.event.type
            timestamp = outgoing.event.at
            sequence = outgoing.sequence
        }
    }
}
