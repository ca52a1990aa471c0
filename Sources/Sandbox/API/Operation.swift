extension Sandbox {
    /// What the emulated hosts do, by the names that faults and recorded requests use.
    package enum Operation: String, CaseIterable, Sendable {
        case login, mint, claim, tariffs, status, prices, events, event, jwks, connect
        /// A request that matches no documented operation; in a fault, every operation.
        case any
    }
}

/// A documented path of the API host.
struct APIRoute: Equatable {
    let operation: Sandbox.Operation
    let method: String
    /// The path parameter, where the path has one.
    var id: String?

    /// The route of a path whatever the method; nil for an unknown path.
    init?(path: String, method: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        switch parts.count {
        case 1 where parts[0] == "login": (operation, self.method) = (.login, "GET")
        case 1 where parts[0] == "tariffs": (operation, self.method) = (.tariffs, "GET")
        case 1 where parts[0] == "events": (operation, self.method) = (.events, "GET")
        case 1 where parts[0] == "jwks.json": (operation, self.method) = (.jwks, "GET")
        case 2 where parts == ["connect", "token"]:
            (operation, self.method) = method == "POST" ? (.mint, "POST") : (.claim, "GET")
        case 2 where parts == ["tariffs", "elements"]: (operation, self.method) = (.tariffs, "GET")
        case 2 where parts[0] == "events": (operation, self.method, id) = (.event, "GET", parts[1])
        case 2 where parts[0] == "prices": (operation, self.method, id) = (.prices, "POST", parts[1])
        case 3 where parts[0] == "locations" && parts[2] == "status":
            (operation, self.method, id) = (.status, "GET", parts[1])
        default: return nil
        }
    }
}
