import Sessions

/// The facts of a session that relayed calls make, as yes or no.
struct SessionFactsView {
    let relayed: Bool
    let pendingShown: Bool
    let left: Bool

    init(_ facts: SessionFacts) {
        (relayed, pendingShown, left) = (facts.relayed, facts.pendingShown, facts.leftAt != nil)
    }
}
