import ConnectClient
import Foundation

/// The account that is signed in to the app.
enum Account {
    static func bearer(otherThan refused: String?) async throws -> String { "a-bearer" }
}

/// Connects where nothing listens, which the library says in its own words.
@main struct App: ConnectPresenter {
    static func main() async throws {
        guard let service = URL(string: "http://127.0.0.1:1") else { return }
        let client = ConnectClient(service: service) { refused in
            try await Account.bearer(otherThan: refused)
        }
        do {
            let session = try await client.connect(.init(returnURL: "myapp://tariff/done"), with: App())
            print(session.state.rawValue)
        } catch let error as ConnectError {
            print(error.code.rawValue)
        }
    }

    func present(_ page: URL) async throws -> ConnectResult? { nil }
}
