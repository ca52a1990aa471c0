public import Foundation

/// Shows the Connect page to the customer.
public protocol ConnectPresenter: Sendable {
    /// Whether the page runs in a web view of the app, and says in a message how it ended.
    var isWebView: Bool { get }

    /// Shows the page, until it ends or the customer closes it.
    /// - Parameter page: The launch URL. Open it at once and once, and keep it out of logs.
    /// - Returns: What the page said at its end; nil where the customer closed it.
    /// - Throws: `CancellationError` when the task is cancelled; the page is then closed.
    @MainActor func present(_ page: URL) async throws -> ConnectResult?
}

extension ConnectPresenter {
    /// False.
    public var isWebView: Bool { false }
}

/// What the page said at its end: a hint, since any app can open a deep link.
///
/// ``ConnectClient/session(_:)`` decides.
public struct ConnectResult: Hashable, Sendable {
    /// The session's id.
    public let session: String
    /// How the session stood.
    public let status: ConnectClient.SessionState
    /// The one-time code of a session that needs a confirmation.
    let code: String?

    /// Reads the return URL with which the customer comes back; nil where it names no session.
    public init?(returnURL: URL) {
        let items = URLComponents(url: returnURL, resolvingAgainstBaseURL: false)?.queryItems ?? []
        // The service appends its own to the app's query.
        guard let last = items.lastIndex(where: { $0.name == "session" }) else { return nil }
        func item(_ name: String) -> String? { items[last...].last { $0.name == name }?.value }
        guard let session = item("session"), let status = item("status") else { return nil }
        self.init(session, ConnectClient.SessionState(rawValue: status), item("code"))
    }

    /// Reads the message that the page posts in a web view; nil where it is not the page's.
    public init?(message: String) {
        guard let message = try? Coding.decoder().decode(Message.self, from: Data(message.utf8)),
            message.type == "connect-bff"
        else { return nil }
        self.init(message.session, message.status, message.code)
    }

    /// Nil where the session's id is none of the service's.
    private init?(_ session: String, _ status: ConnectClient.SessionState, _ code: String?) {
        let letters = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
        guard (1...64).contains(session.utf8.count), session.unicodeScalars.allSatisfy(letters.contains) else {
            return nil
        }
        self.session = session
        self.status = status
        self.code = code
    }

    private struct Message: Decodable {
        let type: String
        let session: String
        let status: ConnectClient.SessionState
        let code: String?
    }
}

extension ConnectResult: CustomStringConvertible, CustomReflectable {
    /// The session and its state, without the code.
    public var description: String { "ConnectResult(\(session), \(status.rawValue))" }
    /// The session and its state, without the code.
    public var customMirror: Mirror { Mirror(self, children: ["session": session, "status": status.rawValue]) }
}
