package import Core
package import HTTPTypes
package import Keys
import Synchronization

/// Believes the integrator's own backend, which proves itself with a service key and names the subject.
package final class ServiceKeyAuthenticator: Authenticator {
    private static let subjectHeader = HTTPField.Name("Connect-Subject")
    private let keys: Mutex<ServiceKeys>
    package let headers: [HTTPField.Name] = []
    package let schemes = [AuthenticationScheme.bearer]

    package init(_ keys: ServiceKeys) {
        self.keys = Mutex(keys)
    }

    /// Other keys from now on; those that are not among them stop working.
    package func replace(_ keys: ServiceKeys) {
        self.keys.withLock { $0 = keys }
    }

    package func provesSender(_ caller: Caller) -> Bool { true }

    package func isAddressed(by caller: Caller) -> Bool {
        caller.bearer?.hasBytePrefix(ServiceKeys.prefix) == true
    }

    package func isOwnBackend(_ caller: Caller) -> Bool {
        caller.bearer.map { bearer in keys.withLock { $0 }.name(of: bearer) != nil } ?? false
    }

    package func subject(of caller: Caller) async throws(BFFError) -> Subject {
        guard let bearer = caller.bearer, keys.withLock({ $0 }).name(of: bearer) != nil, let header = Self.subjectHeader
        else { throw .unauthenticated }
        let names = caller.head.headerFields[values: header]
        guard names.count == 1, let subject = Subject(names[0]) else { throw .unauthenticated }
        return subject
    }
}
