import Core
import FoundationEssentials
package import Wire

/// One relayed call as far as it says where the customer is.
package struct RelayedStep: Sendable {
    /// The page that was answered and the button that was pressed, from the request.
    package var envelope: Envelope
    /// The page that Connect answered with; nil for an error object.
    package var answeredRoute: String?
    /// Where a `session_redirect` leads: a provider's login, or the callback.
    package var redirectURL: String?

    // Inlined, as each relayed call makes one.
    @inlinable package init(envelope: Envelope, answeredRoute: String?, redirectURL: String?) {
        self.envelope = envelope
        self.answeredRoute = answeredRoute
        self.redirectURL = redirectURL
    }

    /// What this step says.
    ///
    /// Closing and finishing look the same here (upstream.md §8): both only mean "left".
    func facts(callbackURL: String, at moment: Date) -> SessionFacts {
        var facts = SessionFacts()
        facts.relayed = true
        facts.disconnectAsked = envelope.action == "DISCONNECT"
        facts.pendingShown = answeredRoute == "tariff_connection_pending"
        switch answeredRoute {
        case nil: break
        case "session_redirect" where redirectURL?.hasBytePrefix(callbackURL) == true, "session_complete",
            "complete_tariff":
            facts.leftAt = moment
        default:
            facts.stayedAt = moment
        }
        return facts
    }
}
