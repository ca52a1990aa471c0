import Core
import Edge
import HTTPTypes
import Webhooks

extension Route {
    /// `POST /v1/webhooks/flatpeak`: Flatpeak's deliveries (upstream.md §5.4).
    static func delivery(_ webhooks: Webhooks) -> Route {
        Route(
            .post, "/v1/webhooks/flatpeak", .delivery,
            .flatpeak(
                check: { (head) throws(BFFError) in try webhooks.checkHead(of: SignedDelivery(head, body: [])) },
                { (exchange) throws(BFFError) in
                    try await webhooks.take(SignedDelivery(exchange.head, body: exchange.body))
                    return Reply(.noContent)
                }))
    }
}

extension SignedDelivery {
    fileprivate init(_ head: HTTPRequest, body: [UInt8]) {
        let fields = head.headerFields
        self.init(
            signatures: fields[values: .flatpeakSignature], timestamps: fields[values: .flatpeakTimestamp],
            keyIDs: fields[values: .flatpeakKeyID], body: body)
    }
}
