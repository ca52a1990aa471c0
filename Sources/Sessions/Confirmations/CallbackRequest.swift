package import Core

/// The body of a callback by the hosted page: the token of the session, and the key of the document that ends it.
package struct CallbackRequest: Sendable {
    package let token: ConnectToken
    package let tab: SessionHolder

    /// Decodes a body of strict JSON.
    package static func read(_ body: [UInt8]) throws(BFFError) -> CallbackRequest {
        let fields = try Strict<Fields>.read(body)
        guard let text = fields.connect_token else { throw .connectTokenMissing }
        guard let tab = fields.tab else { throw .invalidField("tab", reason: .missing) }
        guard let holder = SessionHolder(tabKey: tab) else { throw .invalidField("tab", reason: .malformed) }
        guard let token = ConnectToken(text) else { throw .connectTokenUnknown }
        return CallbackRequest(token: token, tab: holder)
    }

    private struct Fields: StrictlyDecodable {
        let connect_token: String?
        let tab: String?

        enum CodingKeys: String, CodingKey, CaseIterable { case connect_token, tab }
    }
}
