import Core
import Flatpeak
import HTTPTypes

extension Route {
    /// `GET /connect/logos/{digest}.png`: a provider's logo for the hosted Connect page, which shows initials where there
    /// is none.
    ///
    /// The media type is that of the bytes, whatever the address ends with.
    static func logo(_ logos: ProviderLogos) -> Route {
        Route(
            .get, "/connect/logos/{digest}.png", .picture,
            .anyone { (exchange) throws(BFFError) in
                guard let digest = exchange.parameters["digest"].flatMap({ LogoDigest($0) }),
                    let image = try await logos.image(digest, for: exchange.client)
                else { throw .notFound }
                var reply = Reply(.ok, contentType: image.format.rawValue, body: image.bytes)
                reply.headers[.cacheControl] = "public, max-age=86400"
                return reply
            })
    }
}
