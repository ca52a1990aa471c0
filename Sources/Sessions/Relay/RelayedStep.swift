import Core
import Flatpeak
import FoundationEssentials
package import Wire

/// The parts of one relayed call that show where the customer is in Connect.
package struct RelayedStep: Sendable {
    /// The page that was answered and the button that was pressed, from the request.
    package var envelope: Envelope
    /// The page that Connect answered with; `nil` for an error object, and where the answer was lost.
    package var answeredRoute: String?
    /// The target of a `session_redirect`: a provider's login, or the callback.
    package var redirectURL: String?
    /// Whether it is not known what the step came to: the call was sent, and no page or refusal of Connect's came back.
    package var isLost: Bool

    // Inlined, as each relayed call makes one.
    @inlinable package init(envelope: Envelope, answeredRoute: String?, redirectURL: String?, isLost: Bool = false) {
        self.envelope = envelope
        self.answeredRoute = answeredRoute
        self.redirectURL = redirectURL
        self.isLost = isLost
    }

    /// Derives the facts of this step.
    ///
    /// Closing and finishing look alike here (upstream.md §8): both mean "left".
    /// - Parameters:
    ///   - pages: The names of the account's API version.
    ///   - sentAt: When the call was sent. Facts that end a hold are of this instant: whoever reads an answer slowly could
    ///     make an earlier step look later than another customer's. Those that begin one are of `now`.
    ///   - now: When its answer ended, or was lost.
    func facts(callbackURL: String, pages: ConnectPages, sentAt: Date, at now: Date) -> SessionFacts {
        var facts = SessionFacts()
        guard !isLost else {
            guard isAnswer(pages) else { return facts }
            facts.relayed = true
            (facts.answeredAt, facts.settledAt, facts.providerAt) = (now, now, now)
            return facts
        }
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
        if pages.isSummary(answeredRoute), envelope.action != "BACK" { facts.summaryAt = sentAt }
        let isAnswer = isAnswer(pages)
        if isAnswer { facts.answeredAt = now }
        // What a customer does at a provider shows in no other step.
        if facts.leftAt != nil || isSettled(answeredRoute, pages) || isRedirect { facts.settledAt = now }
        // The data of a page that comes before a connection.
        let isData = isAnswer && envelope.action == nil && envelope.route != nil && !isSettled(envelope.route, pages)
        if isData, pages.isSummary(answeredRoute) { facts.replacedAt = sentAt }
        return facts
    }

    /// Whether the customer answered a page: a step that neither asks for the current page, nor leaves or disconnects, nor
    /// only leads to the list of providers.
    private func isAnswer(_ pages: ConnectPages) -> Bool {
        guard !pages.isStart(envelope.route) else { return false }
        return switch envelope.action {
        case "BACK", "CLOSE", "DISCONNECT": false
        // Should it ever lead to a provider at once, or its answer be lost, the tariff may change.
        case "EDIT": isLost || answeredRoute == Self.redirect || isSettled(answeredRoute, pages)
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
