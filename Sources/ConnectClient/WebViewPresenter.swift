#if canImport(WebKit) && (os(iOS) || os(macOS) || os(visionOS))
    public import Foundation
    public import WebKit

    /// Shows the Connect page in a web view, which the app puts on its screen, and which says at its end how it ended.
    ///
    /// Prefer ``SheetPresenter``: some providers' logins need the customer's own cookies.
    @MainActor
    public final class WebViewPresenter: NSObject, ConnectPresenter {
        /// The view to show while ``ConnectClient/connect(_:key:with:)`` runs.
        public let webView = WKWebView()
        private let service: URL
        private var end: AsyncStream<ConnectResult?>.Continuation?

        /// Makes a presenter.
        /// - Parameter service: The address at which the service hosts the page (`BFF_PUBLIC_URL`). Messages of other
        ///   origins are not heeded: providers' pages are in the same view.
        public init(service: URL) { self.service = service }

        /// True: the page posts a message at its end.
        public nonisolated var isWebView: Bool { true }

        /// Loads the page, and waits until it ends or ``close()`` is called.
        public func present(_ page: URL) async throws -> ConnectResult? {
            let (ends, end) = AsyncStream<ConnectResult?>.makeStream()
            self.end = end
            // The controller keeps its handler alive.
            let controller = webView.configuration.userContentController
            controller.add(self, name: "connectBFF")
            defer {
                controller.removeScriptMessageHandler(forName: "connectBFF")
                self.end = nil
            }
            webView.load(URLRequest(url: page))
            for await result in ends { return result }
            // Iterating ends when the task is cancelled.
            webView.stopLoading()
            throw CancellationError()
        }

        /// Says that the customer closed the view.
        public func close() { end?.yield(nil) }
    }

    extension WebViewPresenter: WKScriptMessageHandler {
        /// Takes the page's message.
        public func userContentController(_: WKUserContentController, didReceive message: WKScriptMessage) {
            let origin = message.frameInfo.securityOrigin
            // 0 is the port of the scheme.
            let port = service.port == (service.scheme == "https" ? 443 : 80) ? 0 : service.port ?? 0
            guard message.frameInfo.isMainFrame, origin.protocol == service.scheme, origin.host == service.host,
                origin.port == port, let text = message.body as? String,
                let result = ConnectResult(message: text)
            else { return }
            end?.yield(result)
        }
    }
#endif
