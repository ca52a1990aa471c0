import Core
import HTTPTypes
import Webhooks

extension Route {
    /// `POST /v1/webhooks/flatpeak`: Flatpeak tells what happened (upstream.md §5.4).
    static func delivery(_ webhooks: Webhooks) -> Route {
        Route(
            .post, "/v1/webhooks/flatpeak", .delivery,
            .flatpeak { (exchange) throws(BFFError) in
                let fields = exchange.head.headerFields
                try await webhooks.take(
                    SignedDelivery(
                        signatures: fields[values: .flatpeakSignature], timestamps: fields[values: .flatpeakTimestamp],
                        keyIDs: fields[values: .flatpeakKeyID], body: exchange.body))
                return Reply(.noContent)
            })
    }
}

extension HTTPField.Name {
    fileprivate static let flatpeakSignature = HTTPField.Name("Flatpeak-Signature") ?? .via
    fileprivate static let flatpeakTimestamp = HTTPField.Name("Flatpeak-Timestamp") ?? .via
    fileprivate static let flatpeakKeyID = HTTPField.Name("Flatpeak-Key-ID") ?? .via
}
