extension Int {
    /// `1 second`, `2 seconds`: a number and a noun in the form that goes with it.
    package func counted(_ noun: StaticString) -> String {
        "\(self) \(noun)\(self == 1 ? "" : "s")"
    }
}
