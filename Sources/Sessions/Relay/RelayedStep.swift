import Core
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
    func facts(callbackURL: String, at now: Date) -> SessionFacts {
        var facts = SessionFacts()
        facts.relayed = true
        facts.pendingShown = answeredRoute == "tariff_connection_pending"
        switch answeredRoute {
        case nil: break
        case "session_redirect" where redirectURL?.hasBytePrefix(callbackURL) == true, "session_complete",
            "complete_tariff":
            facts.leftAt = now
        default:
            facts.stayedAt = now
        }
        // An error, or another page, is no disconnect.
        facts.disconnectAsked = envelope.action == "DISCONNECT" && facts.leftAt != nil
        let isAtProvider = answeredRoute == "session_redirect" && facts.leftAt == nil
        if isAtProvider || facts.pendingShown { facts.providerAt = now }
        if answeredRoute == Self.summary, envelope.action != "BACK" { facts.summaryAt = now }
        if isAnswer { facts.answeredAt = now }
        // What a customer does at a provider shows in no other step.
        if facts.leftAt != nil || isSettled(answeredRoute) || answeredRoute == "session_redirect" {
            facts.settledAt = now
        }
        if isData, answeredRoute == Self.summary { facts.replacedAt = now }
        return facts
    }

    /// Whether the customer answered a page: a step that neither asks for the current page, nor leaves or disconnects.
    private var isAnswer: Bool {
        guard envelope.route != "session_start" else { return false }
        return switch envelope.action {
        case "BACK", "CLOSE", "DISCONNECT": false
        default: true
        }
    }

    /// Whether the customer sent the data of a page that comes before a connection.
    private var isData: Bool {
        isAnswer && envelope.action == nil && envelope.route != nil && !isSettled(envelope.route)
    }

    private func isSettled(_ route: String?) -> Bool { Self.settledRoutes.contains { route == $0 } }

    /// There is no button to save: once it shows, the tariff is connected (upstream.md §4.3).
    private static let summary = "tariff_summary"
    /// Pages that come after a tariff was connected, or while its provider has not answered yet.
    private static let settledRoutes = [summary, "tariff_connection_pending"]
}
