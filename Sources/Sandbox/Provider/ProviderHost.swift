import FoundationEssentials

/// The login and consent pages that `session_redirect` leads to (upstream.md §4.2).
///
///     GET  /?fp_cot=…    the login form; 401 without a token, 404 where no session waits for a provider
///     POST /login        any user name and password; then the consent form
///     POST /consent      `decision=agree` connects, anything else declines; 303 to `connect_url` with `fp_cot`
///     GET  /HEX.png      a provider's logo, as `logo_url` names it
///
/// A user name that begins with `pending` makes the connection pending, one with `fail` makes it fail.
///
/// The pages refuse to be framed and cut the `opener` of their window, as those of real providers do.
enum ProviderHost {
    static func answer(_ request: HTTPRequest, world: inout World, at now: Date) -> HTTPAnswer {
        switch (request.method, request.path) {
        case ("GET", "/style.css"):
            return HTTPAnswer(status: 200, headers: [("Content-Type", "text/css")], body: Array(style.utf8))
        case ("GET", "/favicon.ico"):
            // Browsers ask by themselves, and write a 404 to the console.
            return HTTPAnswer(status: 204)
        case ("GET", "/"), ("POST", "/login"), ("POST", "/consent"):
            break
        default:
            return ProviderLogo.answer(request) ?? page("Not found", "<p>There is nothing here.</p>", status: 404)
        }

        let fields = request.method == "GET" ? request.query : FormFields(String(decoding: request.body, as: UTF8.self))
        guard let token = fields["fp_cot"], !token.isEmpty else {
            return page("Missing connect_token", "<p>Missing connect_token</p>", status: 401)
        }
        guard let (provider, connectURL) = world.visit(token, at: now) else {
            return page("Nothing to connect", "<p>This link is not waiting for a login.</p>", status: 404)
        }
        let user = fields["username"] ?? ""
        switch request.path {
        case "/login" where !user.isEmpty:
            return consent(provider, token: token, user: user, connectURL: connectURL)
        case "/consent" where !user.isEmpty:
            let agrees = fields["decision"] == "agree"
            let target = world.endVisit(token, with: agrees ? outcome(of: user) : nil, at: now) ?? connectURL
            return HTTPAnswer(status: 303, headers: [("Location", target)] + headers(formTarget: nil))
        default:
            return login(provider, token: token, isRetry: request.method == "POST")
        }
    }

    private static func outcome(of user: String) -> ConnectionState {
        if user.hasPrefix("pending") { return .pending }
        return user.hasPrefix("fail") ? .failed : .connected
    }

    private static func login(_ provider: Provider, token: String, isRetry: Bool) -> HTTPAnswer {
        page(
            "Log in to \(provider.name)",
            """
            \(isRetry ? "<p role=\"alert\">Please give a user name.</p>" : "")
            <form method="post" action="/login">
            <input type="hidden" name="fp_cot" value="\(escaped(token))">
            <p><label for="username">User name</label>
            <input id="username" name="username" autocomplete="username" required></p>
            <p><label for="password">Password</label>
            <input id="password" name="password" type="password" autocomplete="current-password" required></p>
            <p><button type="submit">Log in</button></p>
            </form>
            <p>A sandbox: any password will do. A user name that begins with <code>pending</code> or
            <code>fail</code> makes the connection wait or fail.</p>
            """)
    }

    private static func consent(_ provider: Provider, token: String, user: String, connectURL: String) -> HTTPAnswer {
        page(
            "Share your tariff",
            """
            <p>\(escaped(provider.name)) will share the tariff of <strong>\(escaped(user))</strong>.</p>
            <form method="post" action="/consent">
            <input type="hidden" name="fp_cot" value="\(escaped(token))">
            <input type="hidden" name="username" value="\(escaped(user))">
            <p><button type="submit" name="decision" value="agree">Agree</button>
            <button type="submit" name="decision" value="decline">Decline</button></p>
            </form>
            """, formTarget: source(of: connectURL))
    }

    private static func page(
        _ title: String, _ content: String, status: Int = 200, formTarget: String? = nil
    ) -> HTTPAnswer {
        let html = """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>\(escaped(title))</title>
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <link rel="stylesheet" href="/style.css"></head>
            <body><main><h1>\(escaped(title))</h1>
            \(content)
            </main></body></html>
            """
        return HTTPAnswer(
            status: status, headers: [("Content-Type", "text/html; charset=utf-8")] + headers(formTarget: formTarget),
            body: Array(html.utf8))
    }

    /// Browsers apply `form-action` to the redirect that follows as well, so `connect_url` must be part of it.
    private static func headers(formTarget: String?) -> [(name: String, value: String)] {
        let forms = formTarget.map { "'self' " + $0 } ?? "'self'"
        return [
            (
                "Content-Security-Policy",
                "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
                    + "form-action \(forms)"
            ),
            ("X-Frame-Options", "DENY"), ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"), ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"),
        ]
    }

    /// The CSP source of a URL: origin of a web address, scheme of a deep link.
    private static func source(of url: String) -> String? {
        let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        let isWeb = url.hasPrefix("http://") || url.hasPrefix("https://")
        let source = isWeb && parts.count > 2 ? "\(parts[0])//\(parts[2])" : "\(url.prefix { $0 != ":" }):"
        return source.contains { ";,'\"".contains($0) } ? nil : source
    }

    private static func escaped(_ text: String) -> String {
        var html = ""
        for character in text {
            switch character {
            case "&": html += "&amp;"
            case "<": html += "&lt;"
            case ">": html += "&gt;"
            case "\"": html += "&quot;"
            case "'": html += "&#39;"
            default: html.append(character)
            }
        }
        return html
    }

    private static let style = """
        body { font: 1.1rem/1.5 system-ui, sans-serif; margin: 0; color: #1c1c1c; background: #f6f5f1 }
        main { max-width: 26rem; margin: 2rem auto; padding: 0 1rem }
        label, input:not([type=hidden]) { display: block; width: 100%; box-sizing: border-box }
        input, button { font: inherit; padding: .5rem }
        """
}
