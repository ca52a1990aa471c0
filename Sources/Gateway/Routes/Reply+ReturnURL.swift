import ConnectPage
import Core
import Edge
import HTTPTypes

extension Reply {
    /// Sends a customer's browser on to the return URL, with a page that holds a link to it.
    ///
    /// A browser never shows the body of a redirect that it cannot follow, or that it blocks because no tap of the
    /// customer's led there: with a deep link it shows nothing at all. So where a browser says that it loads a document
    /// (`Sec-Fetch-Dest`, which scripts cannot set), a deep link is a page that goes on by `Refresh` (HTML section
    /// 7.4.6.4) and stays when the app does not open. Everyone else gets the redirect.
    static func goingBack(to url: String, from request: HTTPRequest) -> Reply {
        var reply = page(.back(url: url), status: .seeOther)
        if isDeepLink(url), request.headerFields[.secFetchDest] == "document" {
            reply.status = .ok
            reply.headers[.refresh] = "0; url=\(url)"
        } else {
            reply.headers[.location] = url
        }
        return reply
    }

    private static func isDeepLink(_ url: String) -> Bool {
        let scheme = url.utf8.prefix { $0 != UInt8(ascii: ":") }.map { $0 | 0x20 }
        return scheme != Array("http".utf8) && scheme != Array("https".utf8)
    }
}
