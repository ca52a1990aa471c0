import ArgumentParser
import Keys

/// The program.
@main
struct ConnectBFF: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connect-bff",
        abstract: "Mints Flatpeak Connect tokens, relays Connect sessions, and keeps the API key to itself.",
        version: Build.current.description,
        subcommands: [Serve.self, Dev.self, Doctor.self, HealthCheck.self, Key.self, Forget.self, Events.self])
}

/// Exit codes, after sysexits.h.
extension ExitCode {
    /// A setting is missing, unsafe or contradictory.
    static let badSettings = ExitCode(78)
    /// Something that is configured correctly could not be opened.
    static let cannotStart = ExitCode(70)

    /// Writes the problems to standard error.
    /// - Returns: This code.
    func after(_ problems: [String]) -> ExitCode {
        for problem in problems { StandardStream.error("connect-bff: \(problem)\n") }
        return self
    }
}

extension OpenSSL {
    /// Throws an exit code, once standard error has the reason, when the system's libcrypto is too old.
    static func requireUsable() throws {
        do throws(TooOld) {
            try requireVersion3()
        } catch {
            throw ExitCode.cannotStart.after([error.description])
        }
    }
}
