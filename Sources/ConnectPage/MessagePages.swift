package import Core

/// The pages that the server makes itself where a customer's browser shows an answer: a title, a sentence, and a way on,
/// in the customer's language and in the look of the Connect page.
///
/// They can be read without a script.
package struct MessagePages: Sendable {
    /// What a page says.
    package enum Message: Equatable, Sendable {
        /// A request failed; the operator's log knows its id.
        case failure(BFFError, RequestID)
        /// A session is over, and the operator configured no return URL.
        case ended
        /// The way back to an app, for a browser that does not open it by itself.
        case back(url: String)
    }

    /// The names of the assets that make the look.
    private struct Look {
        let digest: String
        let logo: String?
        let ancestors: [String]
    }

    private let brand: BrandSettings
    private let look: Look?

    /// - Parameter page: Has the style sheets; `nil` where there is no hosted page, and pages are plain.
    package init(_ brand: BrandSettings = BrandSettings(), in page: ConnectPage? = nil) {
        self.brand = brand
        look = page.map { Look(digest: $0.digest, logo: brand.logo?.asset.name, ancestors: $0.ancestors) }
    }

    /// The content policy of the pages; `nil` where they load nothing, so that the policy of every answer is theirs.
    /// - Parameter isFramed: Whether a page takes the place of a document that the listed origins may frame.
    package func contentPolicy(isFramed: Bool) -> String? {
        look.map { ContentPolicy.document(framedBy: isFramed ? $0.ancestors : []) }
    }

    /// Makes a page.
    /// - Parameter path: The path that it answers, from which its files are addressed; `nil` for a plain page.
    package func html(_ message: Message, in language: CustomerLanguage, at path: String? = nil) -> [UInt8] {
        let texts = PageTexts.of(language)
        let (title, lead) = message.text
        // Relative: a proxy may have taken a path off.
        let up = String(
            repeating: "../", count: max(0, (path ?? "").utf8.count(where: { $0 == UInt8(ascii: "/") }) - 1))
        let files = path == nil ? nil : look.map { (base: "\(up)connect/assets/\($0.digest)", logo: $0.logo) }
        let name = (brand.name ?? "Connect").escapedForHTML
        var head = ""
        if let files {
            head = """
                <link rel="icon" href="\(files.base)/\(files.logo ?? "icon.svg")">
                <link rel="stylesheet" href="\(files.base)/style.css">
                <link rel="stylesheet" href="\(files.base)/\(Theme.name)">

                """
        }
        let logo = files.flatMap { files in
            files.logo.map { #"<img src="\#(files.base)/\#($0)" alt="" height="28">"# }
        }
        let html = """
            <!doctype html>
            <html lang="\(language.rawValue)">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
            <meta name="color-scheme" content="light dark">
            <meta name="robots" content="noindex">
            <title>\(texts[title]) – \(name)</title>
            \(head)</head>
            <body>
            <header class="masthead"><span class="brand">\(logo ?? "")\(name)</span></header>
            <main><div class="card"><div class="frame">
            <h1>\(texts[title])</h1>
            <p class="lead">\(texts[lead])</p>
            \(wayOn(message, texts, files?.base))</div></div></main>
            <footer>\(links(texts))</footer>
            </body>
            </html>

            """
        return Array(html.utf8)
    }

    /// A link, and what the operator's log knows.
    private func wayOn(_ message: Message, _ texts: PageTexts, _ base: String?) -> String {
        switch message {
        case .ended: return ""
        case .back(let url):
            return "<a class=\"primary\" href=\"\(url.escapedForHTML)\">\(texts["app.back"])</a>\n"
        case .failure(let error, let id):
            let reference = "<p class=\"hint\">\(texts["reference"]) <code>\(id)</code></p>\n"
            guard error.mayPass else { return reference }
            // A link would lose the fragment of a launch URL; the script does not.
            let script = base.map { "<script type=\"module\" src=\"\($0)/again.js\"></script>\n" }
            return "<a class=\"primary\" id=\"again\" href=\"\">\(texts["retry"])</a>\n" + reference + (script ?? "")
        }
    }

    private func links(_ texts: PageTexts) -> String {
        [(brand.supportURL, "help"), (brand.privacyURL, "privacy")].compactMap { url, key in
            url.map {
                #"<a href="\#($0.escapedForHTML)" target="_blank" rel="noopener noreferrer">\#(texts[key])</a>"#
            }
        }.joined()
    }
}

extension MessagePages.Message {
    /// The keys of the title and of the sentence, as the scripts have them.
    var text: (title: String, lead: String) {
        switch self {
        case .ended: ("ended.title", "ended.lead")
        case .back: ("app.back", "app.link")
        case .failure(let error, _): error.customerPage
        }
    }
}

extension BFFError {
    /// Whether the same request can work later.
    fileprivate var mayPass: Bool { retryAfter != nil || status >= 500 || status == 408 }

    /// The keys of the title and of the sentence of a page.
    ///
    /// Most errors cannot come from what a browser asks for by itself; for these it is one of the general two.
    fileprivate var customerPage: (title: String, lead: String) {
        switch self {
        case .connectTokenMissing, .connectTokenUnknown, .ticketUnknown:
            ("failure.ticket_unknown", "shared.unknown_link")
        case .connectTokenUsed: ("failure.session_used", "shared.used_link")
        case .ticketUsed: ("failure.ticket_used", "shared.used_link")
        case .connectTokenExpired, .ticketExpired: ("failure.ticket_expired", "shared.expired_link")
        case .rateLimited: ("failure.limited", "error.rate_limited")
        case .requestTimedOut: ("failure.slow", "error.request_timeout")
        case .overloaded, .storeUnavailable, .notReady: ("failure.busy", "shared.busy")
        default: ("failure.general", status >= 500 ? "shared.ours" : "shared.opening")
        }
    }
}
