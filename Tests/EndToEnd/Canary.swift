import Foundation

/// Everything that processes of this suite said, answered, logged or kept, for the scan after it (S1).
///
/// The credentials of the tests hold ``marker``. `scripts/check-canary` looks for it, in every spelling, in the folder
/// that `BFF_TEST_CANARY` names.
enum Canary {
    static let marker = "kanarienvogel"

    enum Kind: String { case answer, log, trace, proxy, database }

    private static let folder = ProcessInfo.processInfo.environment["BFF_TEST_CANARY"]
    static var isWatching: Bool { folder != nil }

    static func keep(_ kind: Kind, _ data: @autoclosure () -> Data?) {
        guard let folder, let data = data(), !data.isEmpty else { return }
        try? data.write(to: URL(filePath: "\(folder)/\(kind.rawValue)-\(UUID())"))
    }

    static func keep(_ kind: Kind, _ text: String) {
        keep(kind, Data(text.utf8))
    }

    /// An answer of ours; the sandbox's name no request, and may hold any text.
    static func keep(_ answer: HTTP.Answer) {
        guard isWatching, answer.headers["x-request-id"] != nil else { return }
        keep(.answer, answer.headers.map { "\($0): \($1)\n" }.joined() + "\n" + answer.text)
    }
}
