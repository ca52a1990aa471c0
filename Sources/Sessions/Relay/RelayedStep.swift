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
        facts.disconnectAsked = envelope.action == "DISCONNECT"
        facts.pendingShown = answeredRoute == "tariff_connection_pending"
        switch answeredRoute {
        case nil: break
        case "session_redirect" where redirectURL?.hasBytePrefix(callbackURL) == true, "session_complete",
            "complete_tariff":
            facts.leftAt = now
        default:
            facts.stayedAt = now
        }
        if isAnswer { facts.answeredAt = now }
        if facts.leftAt != nil || Self.settledRoutes.contains(where: { answeredRoute == $0 }) { facts.settledAt = now }
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

    /// Pages that come after a tariff was connected, or while its provider has not answered yet.
    private static let settledRoutes = ["tariff_summary", "tariff_connection_pending"]
}
