#if canImport(AuthenticationServices) && (os(iOS) || os(macOS) || os(visionOS))
    public import AuthenticationServices
    public import Foundation

    /// Shows the Connect page in the system's browser sheet, which has the customer's own cookies and passwords.
    ///
    /// Mint with a return URL of the scheme, such as `myapp://tariff/done`.
    @MainActor
    public final class SheetPresenter: NSObject, ConnectPresenter {
        private let scheme: String
        private let window: @MainActor () -> ASPresentationAnchor

        /// Makes a presenter.
        /// - Parameters:
        ///   - callbackScheme: The scheme of the return URL, such as `myapp`.
        ///   - window: The window over which the sheet appears.
        public init(callbackScheme: String, window: @escaping @MainActor () -> ASPresentationAnchor) {
            scheme = callbackScheme
            self.window = window
        }

        /// Shows the page, until it returns to the app or the customer closes the sheet.
        public func present(_ page: URL) async throws -> ConnectResult? {
            let (ends, end) = AsyncThrowingStream<ConnectResult?, any Error>.makeStream()
            // Called at most once, perhaps in addition to a failed start.
            let sheet = ASWebAuthenticationSession(url: page, callbackURLScheme: scheme) { @Sendable link, error in
                if let error, (error as? ASWebAuthenticationSessionError)?.code != .canceledLogin {
                    end.finish(throwing: error)
                } else {
                    end.yield(link.flatMap(ConnectResult.init(returnURL:)))
                    end.finish()
                }
            }
            sheet.presentationContextProvider = self
            if !sheet.start() { end.finish(throwing: ASWebAuthenticationSessionError(.presentationContextInvalid)) }
            for try await result in ends { return result }
            // Iterating ends when the task is cancelled.
            sheet.cancel()
            throw CancellationError()
        }
    }

    extension SheetPresenter: ASWebAuthenticationPresentationContextProviding {
        /// Returns the window over which the sheet appears.
        public func presentationAnchor(for _: ASWebAuthenticationSession) -> ASPresentationAnchor { window() }
    }
#endif
