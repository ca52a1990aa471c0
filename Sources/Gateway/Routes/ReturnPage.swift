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
        let language = CustomerLanguage(
            acceptLanguage: request.headerFields[values: .acceptLanguage].joined(separator: ","))
        var reply = Reply(
            .seeOther, contentType: "text/html; charset=utf-8", body: Array(returnPage(url, in: language).utf8))
        reply.headers[.contentLanguage] = language.rawValue
        if isDeepLink(url), request.headerFields[.secFetchDest] == "document" {
            reply.status = .ok
            reply.headers[.refresh] = "0; url=\(url)"
        } else {
            reply.headers[.location] = url
        }
        return reply
    }

    /// No script and no style: the content policy of every answer stays.
    static func returnPage(_ url: String, in language: CustomerLanguage) -> String {
        """
        <!doctype html>
        <html lang="\(language.rawValue)"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <title>\(language.back)</title><main><h1>\(language.back)</h1><p>\(language.hint)</p>
        <p><a href="\(url.escapedForHTML)">\(language.back)</a></p></main></html>

        """
    }

    private static func isDeepLink(_ url: String) -> Bool {
        let scheme = url.utf8.prefix { $0 != UInt8(ascii: ":") }.map { $0 | 0x20 }
        return scheme != Array("http".utf8) && scheme != Array("https".utf8)
    }
}

extension CustomerLanguage {
    var back: String {
        switch self {
        case .english: "Back to the app"
        case .german: "Zurück zur App"
        case .french: "Retour à l’application"
        case .dutch: "Terug naar de app"
        }
    }

    var hint: String {
        switch self {
        case .english: "If the app does not open by itself, use this link."
        case .german: "Wenn sich die App nicht von selbst öffnet, nutzen Sie diesen Link."
        case .french: "Si l’application ne s’ouvre pas d’elle-même, utilisez ce lien."
        case .dutch: "Als de app niet vanzelf opent, gebruik dan deze link."
        }
    }
}
