import ConnectPage
import Core
import Edge
import HTTPTypes

extension Route {
    /// The hosted Connect page: its documents, their assets, and the script that opens the page in another one.
    static func connectPage(_ page: ConnectPage) -> [Route] {
        [
            Route(
                .get, "/connect", .framedDocument,
                .anyone { (exchange) throws(BFFError) in
                    guard let text = try exchange.queryItem("fp_cot") else {
                        return try document(.page, of: page, exchange)
                    }
                    guard let token = ConnectToken(text) else { throw .connectTokenMissing }
                    return .toFragment(token)
                }),
            Route(
                .get, "/connect/popup", .document,
                .anyone { (exchange) throws(BFFError) in try document(.popup, of: page, exchange) }),
            Route(
                .get, "/connect/assets/{digest}/{name}", .asset,
                .anyone { (exchange) throws(BFFError) in try asset(of: page, exchange) }),
            Route(.get, "/connect.js", .embedScript, .anyone { kept(page.embedScript, $0) }),
            Route(.get, "/connect.d.ts", .embedScript, .anyone { kept(page.embedTypes, $0) }),
        ]
    }

    private static func document(
        _ document: ConnectPage.Document, of page: ConnectPage, _ exchange: Exchange
    ) throws(BFFError) -> Reply {
        let language = exchange.head.customerLanguage
        guard let representation = page.document(document, in: language) else { throw .internalFailure }
        var reply = Reply(representation, for: exchange.head)
        reply.headers[.contentLanguage] = language.rawValue
        reply.headers[.contentSecurityPolicy] = page.contentPolicy(of: document)
        // It cannot name origins, so that it says nothing where there are any.
        if !page.isFramed(document) { reply.headers[.xFrameOptions] = "DENY" }
        return reply
    }

    private static func asset(of page: ConnectPage, _ exchange: Exchange) throws(BFFError) -> Reply {
        guard let asset = exchange.parameters["name"].flatMap(page.asset) else { throw .notFound }
        var reply = Reply(asset.representation, for: exchange.head)
        // During an upgrade a document of one version may ask a node of another: it gets what there is, and keeps it for
        // this once.
        if let digest = exchange.parameters["digest"], digest.equalsBytes(of: page.digest) {
            reply.headers[.cacheControl] = "public, max-age=31536000, immutable"
        }
        if let policy = asset.contentPolicy { reply.headers[.contentSecurityPolicy] = policy }
        return reply
    }

    /// An asset that clients keep for a while and then ask for again.
    private static func kept(_ asset: TaggedAsset, _ exchange: Exchange) -> Reply {
        var reply = Reply(asset.representation, for: exchange.head)
        reply.headers[.cacheControl] = "public, max-age=300"
        reply.headers[.eTag] = asset.tag
        reply.headers[.crossOriginResourcePolicy] = "cross-origin"
        if exchange.head.isMatched(by: asset.tag) { reply.status = .notModified }
        return reply
    }
}

extension Reply {
    /// A document or asset, compressed where the client takes that.
    fileprivate init(_ representation: Representation, for head: HTTPRequest) {
        let codings = head.headerFields[values: .acceptEncoding].joined(separator: ",")
        let (body, coding) = representation.body(acceptEncoding: codings)
        self.init(.ok, contentType: representation.contentType, body: .shared(body))
        headers[.contentEncoding] = coding
        headers[.vary] = "Accept-Encoding"
    }

    /// Takes a connect token out of the query, where Connect and providers put it, and where it would be logged and
    /// shared.
    fileprivate static func toFragment(_ token: ConnectToken) -> Reply {
        var reply = Reply(.seeOther)
        // Relative: a proxy may have taken a path off.
        reply.headers[.location] = "connect#fp_cot=\(token.exposed)"
        return reply
    }
}

extension HTTPRequest {
    /// Whether the client has the representation of a weak entity tag already (RFC 9110 section 13.1.2).
    fileprivate func isMatched(by tag: String) -> Bool {
        headerFields[values: .ifNoneMatch].joined(separator: ",").splitBytes(at: ",").map(\.withoutBlankEnds)
            .contains { item in
                // Weakly compared: `"a"` is `W/"a"`.
                item.equalsBytes(of: "*") || item.equalsBytes(of: tag) || "W/\(item)".equalsBytes(of: tag)
            }
    }
}
