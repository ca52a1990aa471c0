import Core
import Gateway
import HTTPTypes

/// `/` of `connect-bff dev`: an integrator's app, which opens the hosted Connect page with `connect.js`.
///
/// Plain HTML, CSS and JavaScript that calls the contract's routes alone; its files are in `Page`.
enum DevPage {
    static let path = "/"

    /// The page and its files.
    static let routes = [
        file(path, "text/html; charset=utf-8", PackageResources.index_html),
        file("/page/style.css", "text/css; charset=utf-8", PackageResources.style_css),
        file("/page/icon.svg", "image/svg+xml", PackageResources.icon_svg),
        script("app", PackageResources.app_js),
        script("charging", PackageResources.charging_js),
        script("chart", PackageResources.chart_js),
        script("home", PackageResources.home_js),
        script("kit", PackageResources.kit_js),
        script("states", PackageResources.states_js),
        script("memory", PackageResources.memory_js),
        script("service", PackageResources.service_js),
    ]

    private static func script(_ name: String, _ body: [UInt8]) -> Route {
        file("/page/\(name).js", "text/javascript; charset=utf-8", body)
    }

    private static func file(_ path: String, _ contentType: String, _ body: [UInt8]) -> Route {
        Route(
            .get, path, .page,
            .anyone { _ in
                var reply = Reply(.ok, contentType: contentType, body: body)
                // Nothing from elsewhere but logos, which the sandbox serves from the provider's host. The frame is the
                // hosted page.
                reply.headers[.contentSecurityPolicy] = """
                    default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' http://127.0.0.1:*; \
                    connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                    require-trusted-types-for 'script'; trusted-types 'none'
                    """
                return reply
            })
    }
}
