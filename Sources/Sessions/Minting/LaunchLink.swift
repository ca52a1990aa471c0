import Core
import Networking

/// The launch URL of a mint without its credential: where Connect runs, and how the session is handed over.
///
/// The text is kept with an idempotency key, so that a replay gives the same launch URL whatever the settings are by then.
struct LaunchLink: Equatable, Sendable {
    let text: String

    /// What stands in a link of the hosted page where the ticket goes; the server never sees a fragment.
    private static let ticketMark = "#ticket="

    init(to app: ConnectApp, language: CustomerLanguage?, isShell: Bool) {
        guard app.isHosted else {
            text = app.url
            return
        }
        let items = language.map { [(name: "lang", value: $0.rawValue)] } ?? []
        let page = items.isEmpty ? app.url : URLQuery.adding(items, to: app.url)
        text = page + Self.ticketMark + (isShell ? "&shell=1" : "")
    }

    /// Reads a link that was kept.
    init(kept text: String) {
        self.text = text
    }

    /// Whether the session is handed over by a ticket, and the app gets no connect token.
    var hasTicket: Bool { ticketPlace != nil }

    /// Adds the credential of `session`.
    func url(for session: ConnectSession) -> String {
        guard let place = ticketPlace else {
            return URLQuery.adding([(name: "fp_cot", value: session.connectToken.exposed)], to: text)
        }
        return "\(text[..<place])\(Ticket(for: session, after: nil).exposed)\(text[place...])"
    }

    private var ticketPlace: String.Index? {
        let fragment = text.utf8.firstIndex(of: UInt8(ascii: "#")).map { text[$0...] }
        guard let fragment, fragment.hasBytePrefix(Self.ticketMark) else { return nil }
        return text.utf8.index(fragment.startIndex, offsetBy: Self.ticketMark.utf8.count)
    }
}
