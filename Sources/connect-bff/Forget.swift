import ArgumentParser
import Core
import Sessions

/// `connect-bff forget SUBJECT`.
struct Forget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove everything of a subject: sessions, idempotency keys and locations.",
        discussion: "The service may run meanwhile. Flatpeak keeps what it has.")

    @Argument(help: "The subject, to the letter: the `sub` of its tokens, or what your proxy or backend calls it.")
    var subject: String

    @Option(help: "A YAML file with settings.")
    var config: String?

    func run() async throws {
        guard let subject = Subject(subject) else { throw ValidationError("No subject is called that.") }
        let gone = try await StateSettings.ask(config) { store throws(BFFError) in try await store.forget(subject) }
        StandardStream.output(
            "removed \(gone.sessions.counted("session")) and \(gone.locations.counted("location"))\n")
    }
}
