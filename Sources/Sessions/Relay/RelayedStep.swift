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
        return facts
    }
}
