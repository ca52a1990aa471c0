import Core
import Flatpeak
import FoundationEssentials
package import Wire

/// The parts of one relayed call that show where the customer is in Connect.
package struct RelayedStep: Sendable {
    /// The page that was answered and the button that was pressed, from the request.
    package var envelope: Envelope
    /// The page that Connect answered with; `nil` for an error object.
    package var answeredRoute: String?
    /// The target of a `session_redirect`: a provider's login, or the callback.
    package var redirectURL: String?

    // Inlined, as each relayed call makes one.
    @inlinable package init(envelope: Envelope, answeredRoute: String?, redirectURL: String?) {
        self.envelope = envelope
        self.answeredRoute = answeredRoute
        self.redirectURL = redirectURL
    }

    /// Derives the facts of this step.
    ///
    /// Closing and finishing look alike here (upstream.md §8): both mean "left".
    /// - Parameter pages: The names of the account's API version.
    func facts(callbackURL: String, pages: ConnectPages, at now: Date) -> SessionFacts {
        var facts = SessionFacts()
        facts.relayed = true
        facts.pendingShown = pages.isPending(answeredRoute)
        let isRedirect = answeredRoute == Self.redirect
        if pages.isEnd(answeredRoute) || isRedirect && redirectURL?.hasBytePrefix(callbackURL) == true {
            facts.leftAt = now
        } else if answeredRoute != nil {
            facts.stayedAt = now
        }
        // An error, or another page, is no disconnect.
        facts.disconnectAsked = envelope.action == "DISCONNECT" && facts.leftAt != nil
        if isRedirect && facts.leftAt == nil || facts.pendingShown { facts.providerAt = now }
        if pages.isSummary(answeredRoute), envelope.action != "BACK" { facts.summaryAt = now }
        let isAnswer = isAnswer(pages)
        if isAnswer { facts.answeredAt = now }
        // What a customer does at a provider shows in no other step.
        if facts.leftAt != nil || isSettled(answeredRoute, pages) || isRedirect { facts.settledAt = now }
        // The data of a page that comes before a connection.
        let isData = isAnswer && envelope.action == nil && envelope.route != nil && !isSettled(envelope.route, pages)
        if isData, pages.isSummary(answeredRoute) { facts.replacedAt = now }
        return facts
    }

    /// Whether the customer answered a page: a step that neither asks for the current page, nor leaves or disconnects.
    private func isAnswer(_ pages: ConnectPages) -> Bool {
        guard !pages.isStart(envelope.route) else { return false }
        return switch envelope.action {
        case "BACK", "CLOSE", "DISCONNECT": false
        default: true
        }
    }

    /// Whether a page comes after a tariff was connected, or while its provider has not answered yet.
    private func isSettled(_ route: String?, _ pages: ConnectPages) -> Bool {
        pages.isSummary(route) || pages.isPending(route)
    }

    /// Sends the customer to a provider's login, or to the callback.
    private static let redirect = "session_redirect"
}
