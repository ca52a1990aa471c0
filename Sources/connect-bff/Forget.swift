import ArgumentParser
import Core
import Sessions

/// `connect-bff forget SUBJECT`.
struct Forget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove all data of a subject: sessions, idempotency keys and locations.",
        discussion: "The service may run meanwhile. Data at Flatpeak is not removed.")

    @Argument(help: "The exact subject: the `sub` of its tokens, or the name that your proxy or backend sends.")
    var subject: String

    @Option(help: "A YAML file with settings.")
    var config: String?

    func run() async throws {
        guard let subject = Subject(subject) else { throw ValidationError("No subject is called that.") }
        let gone = try await StoreSettings.query(config) { store throws(BFFError) in try await store.forget(subject) }
        StandardStream.output(
            "removed \(gone.sessions.counted("session")) and \(gone.locations.counted("location"))\n")
    }
}
