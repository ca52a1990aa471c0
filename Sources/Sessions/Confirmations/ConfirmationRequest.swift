package import Core

/// The body of a confirmation.
package enum ConfirmationRequest {
    /// Decodes a body of strict JSON.
    /// - Throws: `confirmationCodeUnknown` for a text that cannot be a code.
    package static func read(_ body: [UInt8]) throws(BFFError) -> ConfirmationCode {
        guard let text = try Strict<Fields>.read(body).code else { throw .invalidField("code", reason: .missing) }
        guard let code = ConfirmationCode(text) else { throw .confirmationCodeUnknown }
        return code
    }

    private struct Fields: StrictlyDecodable {
        let code: String?

        enum CodingKeys: String, CodingKey, CaseIterable { case code }
    }
}
