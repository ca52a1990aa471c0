import Core
import Flatpeak
import FoundationEssentials
import Networking

/// What `connect-bff doctor` found out, before it is judged.
struct Facts: Sendable {
    /// What is wrong with the settings; when anything is, nothing else was looked at.
    var problems: [String] = []
    var warnings: [String] = []
    var known: Known?

    /// What only good settings let us find out.
    struct Known: Sendable {
        var mode: FlatpeakMode?
        var version: FlatpeakVersion
        var apiURL: String
        var connectURL: String
        var publicURL: String
        /// An upstream that is this very service.
        var selfUpstream: String?
        /// By the setting that names each.
        var listeners: [(setting: String, address: String, state: ListenerState)]
        var approach: Approach
        /// Web apps whose pages may not call, as their origins.
        var strangeOrigins: [(app: String, origin: String)]
        var examination: Examination?
        var identity: Identity
        /// Why the store cannot be used; nil when it can.
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

    /// How a request for the public address comes in.
    enum Approach: Sendable, Equatable {
        /// It could not be tried.
        case untried(why: String)
        /// Nothing, or somebody else, answers there.
        case lost
        /// Nobody stands between.
        case direct
        /// A proxy names the client in this header, which is not the one that is read.
        case otherHeader(String)
        /// A proxy says for whom it asks.
        case forwarded(by: String, isTrusted: Bool)
        /// The service that runs counted it, and whether it came with the word of somebody who is not trusted.
        case counted(isTrusted: Bool)
    }

    /// The identity provider of `BFF_AUTH=jwt`.
    enum Identity: Sendable, Equatable {
        case unused
        case usable
        case unreachable(source: String, why: DocumentFailure)
        case useless(source: String)
    }
}
