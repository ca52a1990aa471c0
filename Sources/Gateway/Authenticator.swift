package import Core
package import HTTPTypes

/// Finds out who calls.
package protocol Authenticator: Sendable {
    /// Headers of its own that a browser must be allowed to send across origins.
    var headers: [HTTPField.Name] { get }
    /// - Throws: `unauthenticated`; why is for the log, never for the caller.
    func subject(of head: HTTPRequest) async throws(BFFError) -> Subject
}

/// Believes every caller.
///
/// It exists for `connect-bff dev`, where nothing is anybody's; no setting of the service can name it.
package struct DevAuthenticator: Authenticator {
    private static let header = HTTPField.Name("X-Dev-Subject")
    package let headers = [header].compactMap(\.self)

    package init() {}

    /// The subject that `X-Dev-Subject` names, else `demo`.
    package func subject(of head: HTTPRequest) async throws(BFFError) -> Subject {
        let name = Self.header.flatMap { head.headerFields[$0] } ?? "demo"
        guard let subject = Subject(name) else { throw .unauthenticated }
        return subject
    }
}
