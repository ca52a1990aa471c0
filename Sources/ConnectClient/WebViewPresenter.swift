#if canImport(WebKit) && (os(iOS) || os(macOS) || os(visionOS))
    public import Foundation
    public import WebKit

    /// Shows the Connect page in a web view, which the app puts on its screen, and which says at its end how it ended.
    ///
    /// Prefer ``SheetPresenter``: some providers' logins need the customer's own cookies.
    @MainActor
    public final class WebViewPresenter: NSObject, ConnectPresenter {
        /// The view to show while ``ConnectClient/connect(_:key:with:)`` runs.
        ///
        /// The presenter is its navigation delegate.
        public let webView = WKWebView()
        private let service: URL
        private var end: AsyncThrowingStream<ConnectResult?, any Error>.Continuation?
        private var presented = 0
        private var isShown = false

        /// Makes a presenter.
        /// - Parameter service: The address at which the service hosts the page (`BFF_PUBLIC_URL`). Messages of other
        ///   origins are not heeded: providers' pages are in the same view.
        public init(service: URL) {
            self.service = service
            super.init()
            webView.navigationDelegate = self
        }

        /// True: the page posts a message at its end.
        public nonisolated var isWebView: Bool { true }

        /// Loads the page, and waits until it ends or ``close()`` is called.
        ///
        /// It closes a page that it presented before. Where the page cannot be loaded, it throws
        /// ``ConnectClient/ErrorCode/networkError``.
        public func present(_ page: URL) async throws -> ConnectResult? {
            close()
            let (ends, end) = AsyncThrowingStream<ConnectResult?, any Error>.makeStream()
            self.end = end
            presented += 1
            let own = presented
            isShown = false
            // The controller keeps its handler alive, and takes one of a name.
            let controller = webView.configuration.userContentController
            controller.removeScriptMessageHandler(forName: "connectBFF")
            controller.add(self, name: "connectBFF")
            defer {
                if own == presented {
                    controller.removeScriptMessageHandler(forName: "connectBFF")
                    self.end = nil
                }
            }
            webView.load(URLRequest(url: page))
            for try await result in ends { return result }
            // Iterating ends when the task is cancelled.
            if own == presented { webView.stopLoading() }
            throw CancellationError()
        }

        /// Says that the customer closed the view.
        public func close() { end?.yield(nil) }
    }

    extension WebViewPresenter: WKScriptMessageHandler {
        /// Takes the page's message.
        public func userContentController(_: WKUserContentController, didReceive message: WKScriptMessage) {
            let origin = message.frameInfo.securityOrigin
            let own = Origin(scheme: service.scheme, host: service.host, port: service.port)
            guard message.frameInfo.isMainFrame, let own,
                own == Origin(scheme: origin.protocol, host: origin.host, port: origin.port),
                let text = message.body as? String, let result = ConnectResult(message: text)
            else { return }
            end?.yield(result)
        }
    }

    extension WebViewPresenter: WKNavigationDelegate {
        /// Notes that there is a page to use.
        public func webView(_: WKWebView, didCommit _: WKNavigation?) { isShown = true }

        /// Ends with an error where there is no page at all; later the customer still sees the one before.
        public func webView(_: WKWebView, didFailProvisionalNavigation _: WKNavigation?, withError error: any Error) {
            // Another load in its place, such as this presenter's next page.
            guard !isShown, (error as? URLError)?.code != .cancelled else { return }
            // The error's own text names the launch URL.
            end?.finish(throwing: ConnectError(.networkError))
        }

        /// Ends as when the customer closed the page: nothing is left of it.
        public func webViewWebContentProcessDidTerminate(_: WKWebView) { close() }
    }
#endif
