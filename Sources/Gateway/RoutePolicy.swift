package import Edge

/// The rules of a route.
package struct RoutePolicy: Sendable {
    /// The form of its errors.
    package var dialect: ErrorDialect
    package var origins: Origins
    package var callers = Callers.users
    /// The longest body that is read, in bytes.
    ///
    /// Only routes that take JSON have one.
    package var bodyLimit: Int?
    package var slots: Slots
    /// What a sender may not do too often here.
    package var limit: Limit?
    package var retries: RetryClass
    /// From the end of the request to its response.
    package var deadline: Duration = .seconds(20)
    /// Whether it answers under any name, since probes come to an address.
    package var isProbe = false
    /// Whether pages of the listed origins may frame its errors, as they may its document.
    package var isFramed = false

    package enum Origins: Sendable {
        /// Scripts of the listed origins may read answers (CORS).
        case listed
        /// Scripts of any origin may, without credentials: the answer is the same for all.
        case any
        /// No script of another origin may.
        case none
    }

    /// Who may call a route of users.
    package enum Callers: Sendable {
        /// Every user.
        case users
        /// The integrator's own backend, with a service key, on behalf of a user.
        case backend
    }

    /// Whose requests must not use up each other's slots.
    package enum Slots: Sendable {
        /// Refused while too many of users' requests are in flight.
        case users
        case deliveries
        /// One at a time of each user's: the whole body is in memory.
        case uploads
        /// Answered at once from memory, and so without a slot; the limit of the client's address holds.
        case immediate
        /// Probes, files and pictures, which hold none of what users need.
        case unlimited
    }

    package enum Limit: Sendable {
        /// Mints of a subject.
        case mints
        /// Deliveries of an address that were not Flatpeak's.
        case forgeries
        /// Files and pictures of an address, so many for each call that it may make.
        case files
        /// Codes of a subject that were wrong.
        case guesses
    }

    /// Whether a client that learnt no outcome may send its request again.
    package enum RetryClass: Sendable {
        /// It changes nothing, and is cancelled when its client has left.
        case safe
        /// Repeated, it changes nothing more.
        case idempotent
        /// Repeated with the same `Idempotency-Key`, it changes nothing more.
        case keyed
        /// The first one may have taken the customer's step.
        case never
    }

    /// Reads of a user's data.
    package static let read = RoutePolicy(dialect: .problem, origins: .listed, slots: .users, retries: .safe)
    /// Reads of a user's data whose question is JSON.
    package static let calculation = RoutePolicy(
        dialect: .problem, origins: .listed, bodyLimit: 64 << 10, slots: .users, retries: .safe)
    /// Calls of a user that change something and have no body.
    package static let change = RoutePolicy(dialect: .problem, origins: .listed, slots: .users, retries: .idempotent)
    /// Mints: JSON, and not too often.
    package static let mint = RoutePolicy(
        dialect: .problem, origins: .listed, bodyLimit: 64 << 10, slots: .users, limit: .mints, retries: .keyed)
    /// Calls of a user that change something, with JSON.
    package static let write = RoutePolicy(
        dialect: .problem, origins: .listed, bodyLimit: 64 << 10, slots: .users, retries: .keyed)
    /// Calls with thousands of meter records: JSON.
    package static let upload = RoutePolicy(
        dialect: .problem, origins: .listed, bodyLimit: 4 << 20, slots: .uploads, retries: .keyed,
        deadline: .seconds(25))
    /// Tickets: JSON of the hosted page; the same document may send its ticket again.
    package static let ticket = RoutePolicy(
        dialect: .problem, origins: .none, bodyLimit: 4 << 10, slots: .users, retries: .idempotent)
    /// Confirmations: JSON, and few wrong codes.
    package static let confirmation = RoutePolicy(
        dialect: .problem, origins: .listed, bodyLimit: 4 << 10, slots: .users, limit: .guesses, retries: .idempotent)
    /// The session relay.
    package static let relay = RoutePolicy(
        dialect: .connect, origins: .listed, bodyLimit: 64 << 10, slots: .users, retries: .never)
    /// The same policy for other callers.
    package func `for`(_ callers: Callers) -> RoutePolicy {
        var policy = self
        policy.callers = callers
        return policy
    }

    /// Pages that a browser navigates to, from anywhere.
    package static let page = RoutePolicy(dialect: .page, origins: .none, slots: .users, retries: .idempotent)
    /// Documents of the hosted Connect page.
    ///
    /// They load while users' slots are taken, since what they call next has slots of its own.
    package static let document = RoutePolicy(dialect: .page, origins: .none, slots: .immediate, retries: .safe)
    /// The document of the hosted Connect page that other pages may frame.
    package static let framedDocument = RoutePolicy(
        dialect: .page, origins: .none, slots: .immediate, retries: .safe, isFramed: true)
    /// Files that a document loads, from memory: 256 KiB at most, which is a brand's logo.
    ///
    /// They have a limit of their own that is as many times that of calls as a page needs files: a customer whose document
    /// was admitted gets all of them, however many are behind one address.
    package static let asset = RoutePolicy(
        dialect: .problem, origins: .none, slots: .unlimited, limit: .files, retries: .safe)
    /// The script that pages of any origin load, and its types.
    package static let embedScript = RoutePolicy(
        dialect: .problem, origins: .any, slots: .unlimited, limit: .files, retries: .safe)
    /// Flatpeak's deliveries, which users' requests never hold up.
    package static let delivery = RoutePolicy(
        dialect: .problem, origins: .none, bodyLimit: 256 << 10, slots: .deliveries, limit: .forgeries,
        retries: .idempotent)
    /// Pictures that anyone may load, and that may have to be fetched first.
    package static let picture = RoutePolicy(
        dialect: .problem, origins: .none, slots: .unlimited, limit: .files, retries: .safe, deadline: .seconds(8))
    /// The contract of this service, under any name.
    package static let contract = RoutePolicy(
        dialect: .problem, origins: .none, slots: .unlimited, limit: .files, retries: .safe, isProbe: true)
    /// Probes, which are never refused.
    package static let open = RoutePolicy(
        dialect: .problem, origins: .none, slots: .unlimited, retries: .safe, isProbe: true)
}
