public import Foundation

/// A client of a connect-bff service, for the app of a signed-in customer.
///
/// Every call throws ``ConnectError``, `CancellationError` when its task is cancelled, or what the token closure or the
/// presenter throws.
/// Reads, confirmations and calls with an idempotency key are sent up to three times where the contract allows it; each
/// answer has a deadline. Nothing is logged or stored.
public actor ConnectClient {
    /// Gives the customer's bearer, for each request.
    ///
    /// After a 401 it is asked once more, with the bearer that was `refused`: give another one then. It consists of visible
    /// characters of ASCII; another one is not sent, and the error is ``ErrorCode/unauthenticated``.
    public typealias Token = @Sendable (_ refused: String?) async throws -> String

    let service: Service
    private let flight: SingleFlight<MintRequest, Session>

    /// Makes a client.
    /// - Parameters:
    ///   - service: The address of the service, such as `https://api.example.com`.
    ///   - token: Gives the customer's bearer.
    public init(service: URL, token: @escaping Token) {
        self.init(
            Service(
                transport: URLSessionTransport(base: service), token: token,
                sleep: { seconds in try await Task.sleep(nanoseconds: UInt64(seconds * 1e9)) },
                jitter: { .random(in: 0.75...1) }))
    }

    /// - Parameter joined: Called for each call of `connect` that has begun an attempt, or joined one.
    init(_ service: Service, joined: @escaping @Sendable () -> Void = {}) {
        self.service = service
        flight = SingleFlight(joined: joined)
    }

    /// Lets the customer connect a tariff, and returns the session as it then stands.
    ///
    /// It mints for the service's own page, shows that, and confirms the session where the page gave a code for it, or else
    /// reads it: also when the customer closed the page, since they may have finished just before.
    ///
    /// A call while another one with an equal request runs joins that one, so a double tap is one session and one page.
    /// Another request is an attempt of its own.
    /// - Parameters:
    ///   - request: What the app knows. Set `returnURL` for a sheet. Its `app` is not heeded.
    ///   - key: The idempotency key of the mint. Who joins an attempt has that one's.
    ///   - presenter: Shows the page.
    public func connect(
        _ request: MintRequest = MintRequest(), key: String = UUID().uuidString, with presenter: any ConnectPresenter
    ) async throws -> Session {
        var request = request
        request.app = "page"
        if presenter.isWebView {
            request.options = request.options ?? MintOptions()
            request.options?.shell = true
        }
        return try await flight.value(request) { [self, request] in
            let minted = try await mint(request, key: key)
            let result = try await presenter.present(minted.launchURL)
            // Any app can open a deep link: a code counts for the session that was minted here.
            return try await end(minted.id, code: result?.session == minted.id ? result?.code : nil)
        }
    }

    /// Reads the session of a deep link that reached the app outside of ``connect(_:key:with:)``, and confirms it where
    /// the link has a code.
    /// - Returns: The session; nil where it is not the customer's, as any app can open a deep link.
    public func resume(_ result: ConnectResult) async throws -> Session? {
        do {
            return try await end(result.session, code: result.code)
        } catch let error as ConnectError where error.code == .notFound {
            return nil
        }
    }

    private func end(_ id: String, code: String?) async throws -> Session {
        guard let code else { return try await session(id) }
        do {
            return try await confirm(id, code: code)
        } catch let error as ConnectError where error.code == .confirmationCodeUsed {
            // Another code has confirmed it.
            return try await session(id)
        }
    }

    /// Mints a session, for an app that opens its launch URL itself.
    /// - Parameter key: The idempotency key: the same one gives the same session.
    public func mint(
        _ request: MintRequest = MintRequest(), key: String = UUID().uuidString
    ) async throws -> MintedSession {
        try await service.answer(.write("POST", "connect", "sessions", body: request, key: key))
    }

    /// Reads a session.
    ///
    /// Its state decides, whatever the page or a deep link says.
    public func session(_ id: String) async throws -> Session {
        try await service.answer(Call("GET", "connect", "sessions", id))
    }

    /// Confirms that the customer who used the page is the signed-in one.
    /// - Parameter code: What came with the end of the page. Sent again it gives the same answer.
    public func confirm(_ id: String, code: String) async throws -> Session {
        var call = Call("POST", "connect", "sessions", id, "confirm")
        call.body = try Coding.encode(["code": code])
        return try await service.answer(call)
    }

    /// Follows a session until it is final.
    public nonisolated func followSession(_ id: String) -> SessionUpdates {
        SessionUpdates(service: service, call: Call("GET", "connect", "sessions", id, "events"))
    }

    /// Lists the customer's own locations.
    public func locations() async throws -> LocationList { try await service.answer(Call("GET", "locations")) }

    /// Reads a location.
    public func location(_ id: String) async throws -> Location {
        try await service.answer(Call("GET", "locations", id))
    }

    /// Forgets a location: it is not the customer's any more.
    ///
    /// Sent once.
    public func forgetLocation(_ id: String) async throws {
        try await service.delete("locations", id)
    }

    /// Follows what changes at a location.
    ///
    /// Open it first and read then, to miss nothing between the two.
    public nonisolated func followLocation(_ id: String) -> LocationUpdates {
        LocationUpdates(service: service, call: Call("GET", "locations", id, "events"))
    }

    /// Reads the status of a location's tariffs.
    public func locationStatus(_ id: String) async throws -> LocationStatus {
        try await service.answer(Call("GET", "locations", id, "status"))
    }

    /// Lists the tariffs of a location, the newest first.
    /// - Parameters:
    ///   - location: One of the customer's own.
    ///   - direction: Only tariffs of this direction.
    ///   - type: Only tariffs of this type.
    ///   - startingAfter: The id of a tariff; the page begins after it. Not with `endingBefore`.
    ///   - endingBefore: The id of a tariff; the page ends before it.
    ///   - limit: How many tariffs a page holds at most, 1 to 100.
    public func tariffs(
        of location: String, direction: Direction? = nil, type: TariffType? = nil, startingAfter: String? = nil,
        endingBefore: String? = nil, limit: Int? = nil
    ) async throws -> TariffList {
        try await service.answer(
            Call(
                "GET", "tariffs", "elements",
                query: [
                    ("location_id", location), ("direction", direction?.rawValue), ("type", type?.rawValue),
                    ("starting_after", startingAfter), ("ending_before", endingBefore),
                    ("limit", limit.map(String.init)),
                ]))
    }

    /// Reads what energy costs at a location, for at most 90 days.
    /// - Parameters:
    ///   - location: One of the customer's own.
    ///   - start: The first moment of interest.
    ///   - end: The moment up to which prices are wanted.
    ///   - direction: Which way the energy flows. Import when left out.
    public func prices(
        at location: String, from start: Date? = nil, to end: Date, direction: Direction? = nil
    ) async throws -> Prices {
        try await service.answer(
            Call("GET", "locations", location, "prices", query: .window(start, end) + .direction(direction)))
    }
}

extension Call {
    /// A write with an idempotency key, under which it is done once.
    static func write(_ method: String, _ path: String..., body: some Encodable, key: String) throws -> Call {
        var call = Call(method, path)
        call.body = try Coding.encode(body)
        call.headers["Idempotency-Key"] = key
        return call
    }
}

extension [(String, String?)] {
    static func window(_ start: Date?, _ end: Date) -> Self {
        [("start_time", start.map(Coding.text)), ("end_time", Coding.text(end))]
    }

    static func direction(_ direction: ConnectClient.Direction?) -> Self { [("direction", direction?.rawValue)] }
}
