package import Core
package import Edge
package import HTTPTypes

/// Finds out who calls.
package protocol Authenticator: Sendable {
    /// Headers of its own that a browser must be allowed to send across origins.
    var headers: [HTTPField.Name] { get }
    /// The schemes that a 401 offers.
    var schemes: [AuthenticationScheme] { get }
    /// Whether the credential is in the request by its sender's will. A cookie at a forward-auth proxy is not: every
    /// page can make a browser send it.
    func provesSender(_ caller: Caller) -> Bool
    /// Whether the request carries the kind of credential that this one reads.
    func isAddressed(by caller: Caller) -> Bool
    /// Whether the caller is proven to be the integrator's own backend, whose word about a trace is taken.
    func isOwnBackend(_ caller: Caller) -> Bool
    /// Whether callers can be authenticated at all now; once true it stays true.
    var isReady: Bool { get }
    /// What keeps it going as long as the service runs; it ends when cancelled. Nil when there is nothing to do.
    var background: (@Sendable () async -> Void)? { get }
    /// - Throws: `unauthenticated`; why is for the log, never for the caller. Or `identityUnavailable`.
    func subject(of caller: Caller) async throws(BFFError) -> Subject
}

extension Authenticator {
    package func isOwnBackend(_ caller: Caller) -> Bool { false }
    package var isReady: Bool { true }
    package var background: (@Sendable () async -> Void)? { nil }
}

/// Who is at the other end of the connection, and what they said.
package struct Caller: Sendable {
    package let head: HTTPRequest
    package let peer: Peer

    /// The credential of an `Authorization: Bearer` header; nil when there is none, or more than one.
    let bearer: String?

    package init(head: HTTPRequest, peer: Peer) {
        self.head = head
        self.peer = peer
        // Read once, for the several steps that ask for it.
        bearer = Self.bearer(in: head.headerFields)
    }

    private static func bearer(in fields: HTTPFields) -> String? {
        let values = fields[values: .authorization]
        guard values.count == 1, let space = values[0].utf8.firstIndex(of: UInt8(ascii: " ")),
            values[0][..<space].equalsIgnoringASCIICase("bearer")
        else { return nil }
        return String(values[0][values[0].utf8.index(after: space)...])
    }
}

/// The authenticators that are set up, of which a request may address exactly one.
package struct AnyOf: Authenticator {
    private let authenticators: [any Authenticator]

    package init(_ authenticators: [any Authenticator]) {
        self.authenticators = authenticators
    }

    package var headers: [HTTPField.Name] { authenticators.flatMap(\.headers) }

    package var schemes: [AuthenticationScheme] { authenticators.flatMap(\.schemes) }

    package func isAddressed(by caller: Caller) -> Bool {
        authenticators.contains { $0.isAddressed(by: caller) }
    }

    package func provesSender(_ caller: Caller) -> Bool {
        authenticators.allSatisfy { !$0.isAddressed(by: caller) || $0.provesSender(caller) }
    }

    package func isOwnBackend(_ caller: Caller) -> Bool {
        authenticators.contains { $0.isOwnBackend(caller) }
    }

    package var isReady: Bool { authenticators.allSatisfy(\.isReady) }

    package var background: (@Sendable () async -> Void)? {
        let work = authenticators.compactMap(\.background)
        guard !work.isEmpty else { return nil }
        return {
            await withDiscardingTaskGroup { group in
                for work in work { group.addTask { await work() } }
            }
        }
    }

    package func subject(of caller: Caller) async throws(BFFError) -> Subject {
        let addressed = authenticators.filter { $0.isAddressed(by: caller) }
        // Two identities in one request: one of them was put there by another party.
        guard addressed.count == 1, let authenticator = addressed.first else { throw .unauthenticated }
        return try await authenticator.subject(of: caller)
    }
}

/// Believes every caller.
///
/// It exists for `connect-bff dev`, which has test data alone; no setting of the service can name it.
package struct DevAuthenticator: Authenticator {
    private static let header = HTTPField.Name("X-Dev-Subject")
    package let headers = [header].compactMap(\.self)
    package let schemes = [AuthenticationScheme.development]

    package init() {}

    package func isAddressed(by caller: Caller) -> Bool { true }
    package func provesSender(_ caller: Caller) -> Bool { true }

    /// The subject that `X-Dev-Subject` names, else `demo`.
    package func subject(of caller: Caller) async throws(BFFError) -> Subject {
        let name = Self.header.flatMap { caller.head.headerFields[$0] } ?? "demo"
        guard let subject = Subject(name) else { throw .unauthenticated }
        return subject
    }
}
