import Core
import Flatpeak
import FoundationEssentials
import Networking

/// What `connect-bff doctor` observed, as ``Diagnosis`` takes it.
struct Observations: Sendable {
    /// What is wrong with the settings; when anything is, nothing else was checked.
    var problems: [String] = []
    var warnings: [String] = []
    var known: Known?

    /// What can only be observed with valid settings.
    struct Known: Sendable {
        var mode: FlatpeakMode?
        var version: FlatpeakVersion
        var apiURL: String
        var connectURL: String
        /// `nil` when no logos are fetched.
        var logosURL: String?
        var publicURL: String
        /// What is wrong when an upstream is this very service.
        var selfUpstream: String?
        /// With the setting that names each.
        var listeners: [(setting: String, address: String, state: ListenerState)]
        var ingress: Ingress
        var hostedPage: HostedPage
        /// Whether mints are for the hosted page unless they name another app.
        var mintsForHostedPage: Bool
        /// Web apps whose pages may not call, with their origins.
        var unlistedOrigins: [(app: String, origin: String)]
        var examination: Examination?
        var identity: Identity
        /// Why the store cannot be used; `nil` when it can.
        var storeTrouble: String?
    }

    enum ListenerState: Sendable, Equatable {
        case free
        /// This service runs there.
        case running
        /// systemd holds the socket, and the service does not run.
        case held
        case unusable(why: String)
    }

    /// How a request for the public address reaches the service.
    enum Ingress: Sendable, Equatable {
        /// The check could not be made.
        case unchecked(why: String)
        /// Nothing, or another server, answers there.
        case lost
        /// Without a proxy.
        case direct
        /// A proxy names the client in this header, which is not the one that is read.
        case otherHeader(String)
        /// Through a proxy that names the client.
        case forwarded(by: String, isTrusted: Bool)
        /// Counted by the running service, which also counts what an untrusted proxy forwards.
        case counted(isTrusted: Bool)
    }

    /// Whether a request for the hosted Connect page reaches the service.
    enum HostedPage: Sendable, Equatable {
        case off
        /// No request for the public address is known to reach the service.
        case unchecked
        case reached
        /// The proxy keeps it back.
        case lost
    }

    /// The identity provider of `BFF_AUTH=jwt`.
    enum Identity: Sendable, Equatable {
        case unused
        case usable
        case unreachable(source: String, why: DocumentFailure)
        case useless(source: String)
    }
}
