import ConnectClient
import Foundation

/// The account that is signed in to the app.
enum Account {
    static func bearer(otherThan refused: String?) async throws -> String { "a-bearer" }
}

/// Does with the guide's client what an app does, for a customer who closes the page.
///
/// The argument is the service's address.
@main struct Customer: ConnectPresenter {
    static func main() async throws {
        guard let base = URL(string: CommandLine.arguments[1]) else { preconditionFailure("no address") }
        let client = makeClient(base)
        let closed = try await client.connect(.init(returnURL: "myapp://tariff/done"), with: Customer())
        precondition(closed.state == .created && closed.locationID == nil && !closed.liveMode)
        let described = try await describe(closed, with: client)
        precondition(described.hasPrefix("You have not finished"))
        let minted = try await client.mint(key: "tap-1")
        let again = try await client.mint(key: "tap-1")
        precondition(minted.launchURL.fragment?.isEmpty == false && minted.connectToken == nil && again.id == minted.id)
        for (id, isKnown) in [(minted.id, true), ("cs_unknown", false)] {
            guard let link = URL(string: "myapp://tariff/done?session=\(id)&status=created") else { return }
            let session = try await opened(link, with: client)
            precondition((session?.id == id) == isKnown && (session == nil) != isKnown)
        }
        let following = Task { try await follow(closed, with: client) }
        following.cancel()
        do {
            _ = try await following.value
            preconditionFailure("it is not cancelled")
        } catch is CancellationError {
        }
        do {
            _ = try await client.session("cs_unknown")
            preconditionFailure("it is known")
        } catch let error as ConnectError {
            precondition(error.code == .notFound && error.requestID?.isEmpty == false)
            precondition(error.requestID.map(text(for: error).contains) == true)
        }
    }

    func present(_ page: URL) async throws -> ConnectResult? { nil }
}
