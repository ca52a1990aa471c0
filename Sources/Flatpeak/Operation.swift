import Core
import NIOHTTP1

/// One call that upstream offers, with everything that is fixed about it.
///
/// Client and metrics read this table.
package struct Operation: Sendable {
    /// A bounded name for logs and metrics.
    package let name: String
    let host: Host
    let method: HTTPMethod
    let path: String
    let credential: Credential
    /// From the first byte sent to the last byte read.
    let deadline: Duration
    /// The longest answer that is read, in bytes.
    let answerLimit: Int

    enum Host { case api, connect }
    enum Credential { case basic, bearer, none }

    private init(
        _ name: String, _ method: HTTPMethod, _ path: String, host: Host = .api, credential: Credential = .bearer,
        deadline: Duration = .seconds(10), answerLimit: Int = 4 << 20
    ) {
        self.name = name
        self.host = host
        self.method = method
        self.path = path
        self.credential = credential
        self.deadline = deadline
        self.answerLimit = answerLimit
    }

    /// upstream.md §1.
    static let login = Operation(
        "login", .GET, "/login", credential: .basic, deadline: .seconds(5), answerLimit: 64 << 10)
    /// upstream.md §2.
    static let mint = Operation("mint", .POST, "/connect/token", answerLimit: 64 << 10)
    /// upstream.md §3.
    static let claim = Operation("claim", .GET, "/connect/token", answerLimit: 64 << 10)
    /// upstream.md §6.1, the spelling that the public page documents.
    static let tariffElements = Operation("tariffs", .GET, "/tariffs/elements")
    /// upstream.md §6.1, the spelling of the newer reference.
    static let tariffs = Operation("tariffs", .GET, "/tariffs")
    /// upstream.md §4.
    static let relay = Operation(
        "relay", .POST, "/", host: .connect, credential: .none, deadline: .seconds(15))

    /// upstream.md §6.2.
    static func locationStatus(_ location: LocationID) -> Operation {
        Operation("status", .GET, "/locations/\(location)/status")
    }

    /// upstream.md §6.3: a read through POST.
    static func prices(_ location: LocationID) -> Operation {
        Operation("prices", .POST, "/prices/\(location)")
    }
}
