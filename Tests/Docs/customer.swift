import Foundation

/// Does with the guide's client what an app does; the argument is the service's address.
@main struct Customer {
    static func main() async throws {
        guard let base = URL(string: CommandLine.arguments[1]) else { preconditionFailure("no address") }
        let service = ConnectService(base: base) { "a-bearer" }
        let tap = UUID()
        let minted = try await service.mint(tap)
        let again = try await service.mint(tap)
        let read = try await service.session(minted.id)
        precondition(minted.state == "created" && minted.launch_url?.contains("/connect#ticket=") == true)
        precondition(again.id == minted.id && read.state == "created" && read.location_id == nil)
        do {
            _ = try await service.session("cs_unknown")
            preconditionFailure("it is known")
        } catch let problem as Problem {
            precondition(problem.code == "not_found" && problem.request_id.hasPrefix("req_"))
        }
    }
}
