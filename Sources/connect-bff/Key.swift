import ArgumentParser
import Core
import Keys

/// `connect-bff key`.
struct Key: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Service keys, with which your own backend calls this service.", subcommands: [New.self])

    /// `connect-bff key new NAME`.
    struct New: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key: prints it once, and the line for BFF_SERVICE_KEYS_FILE.")

        @Argument(help: "Whose key it is, such as the name of the backend; letters, digits, _ and -.")
        var name: String

        func validate() throws {
            guard !name.isEmpty, name.utf8.count <= 64, name.utf8.allSatisfy(\.isWordByte) else {
                throw ValidationError("A name has 1 to 64 letters, digits, _ or -.")
            }
        }

        func run() throws {
            try OpenSSL.requireUsable()
            let (key, line) = ServiceKeys.make(named: name, randomBytes: ConnectService.randomBytes)
            StandardStream.output(
                """
                The key, shown this once; give it to the backend, which sends it as "Authorization: Bearer KEY" and names
                the user in "Connect-Subject":

                  \(key)

                The line for the file that BFF_SERVICE_KEYS_FILE names:

                  \(line)

                """)
        }
    }
}
