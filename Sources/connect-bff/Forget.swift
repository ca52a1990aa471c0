import ArgumentParser
import Core
import FoundationEssentials
import Keys
import Logging
import Sessions
import Store

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
        let state: StateSettings
        do throws(Settings.Invalid) {
            state = try await Settings.state(environment: ProcessInfo.processInfo.environment, file: config)
        } catch {
            throw ExitCode.badSettings.after(error.problems)
        }
        try OpenSSL.requireUsable()
        let store = try await state.open(Logger(label: "connect-bff") { StreamLogHandler.standardError(label: $0) })
        do throws(BFFError) {
            let gone = try await store.forget(subject)
            StandardStream.output("removed \(gone.sessions) sessions and \(gone.locations) locations\n")
        } catch {
            throw ExitCode.cannotStart.after([
                "\(Setting.databaseURL.variable): the database cannot be written now; try again"
            ])
        }
    }
}
