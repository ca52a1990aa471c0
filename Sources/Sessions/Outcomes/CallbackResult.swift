package import Core
import FoundationEssentials
import Networking

/// The answer to the customer's browser at the callback.
package struct CallbackResult: Sendable {
    package let session: SessionID
    package let state: SessionState
    /// Whether the session's owner has to redeem a code.
    let awaitsConfirmation: Bool
    /// For the document that holds the session alone.
    package internal(set) var code: ConfirmationCode?
    private let returnURL: String?

    init(_ session: ConnectSession, at now: Date) {
        self.session = session.id
        state = session.outcome(at: now).state
        awaitsConfirmation = session.awaitsConfirmation(at: now)
        returnURL = session.returnURL
    }

    /// Where to send the browser; `nil` when the operator configured no return URL.
    package var url: String? {
        var items = [(name: "session", value: session.text), (name: "status", value: state.rawValue)]
        if let code { items.append((name: "code", value: code.exposed)) }
        return returnURL.map { URLQuery.adding(items, to: $0) }
    }
}
