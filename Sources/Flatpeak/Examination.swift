package import Core
package import FoundationEssentials
package import Networking

/// What one look at Flatpeak shows, for `connect-bff doctor`: nothing is tried twice, kept, or changed.
package struct Examination: Sendable {
    package let api: HostReach
    package let connect: HostReach
    /// `nil` when no logos are fetched, or from the Connect host.
    package let logos: HostReach?
    /// What the login said to each key, in their order; empty when the API could not be reached.
    package var keys: [KeyAnswer] = []
    /// What the API said to a read with the bearer of the first key that works; nil when there is none.
    package var read: BFFError?
    /// Why Flatpeak's own keys, by which its webhooks are checked, cannot be read; nil when they can.
    package var keySetTrouble: DocumentFailure?
    /// The account's API version, as far as it is known; looked for only when the one that is set up is refused.
    package var accountVersion: FlatpeakVersion?

    package enum KeyAnswer: Sendable, Equatable {
        case accepted(liveMode: Bool?)
        case fails(BFFError)
    }
}

extension FlatpeakClient.Settings {
    /// Looks at each host, logs in with each key, and reads once.
    package func examine(by transport: HTTPTransport, now: @escaping @Sendable () -> Date) async -> Examination {
        var logos: HostReach?
        if let logosURL, logosURL != connectURL { logos = await transport.reach("\(logosURL)/", now) }
        var examination = Examination(
            api: await transport.reach(apiURL + (table.login.first?.path ?? "/"), now),
            connect: await transport.reach(connectURL + UpstreamCall.relay.path, now), logos: logos)
        guard case .answers = examination.api else { return examination }
        var bearer: Secret?
        for key in credentials.keys {
            let answer = await login(with: key, in: version, by: transport)
            do throws(BFFError) {
                let reply = try table.login(from: answer.get(), at: now())
                guard Secret.isToken68(reply.bearer_token) else { throw .upstreamInvalidAnswer }
                bearer = bearer ?? Secret(reply.bearer_token)
                examination.keys.append(.accepted(liveMode: reply.live_mode))
            } catch {
                examination.keys.append(.fails(error))
            }
        }
        if let bearer {
            // A token that was never minted: "not found" is what a login in the right version reads.
            let authorization = bearer.expose { "Bearer \($0)" }
            if let token = ConnectToken("cot_doctor"), let claim = table.claim(token).first,
                case .failure(let error) = await ask(
                    claim, in: version.rawValue, authorization: authorization, by: transport),
                error != .notFound
            {
                examination.read = error
            }
        }
        let refusal = BFFError.upstreamVersionNotSupported
        if examination.read == refusal || examination.keys.contains(.fails(refusal)) {
            examination.accountVersion = await accountVersion(by: transport, bearer, at: now())
        }
        do throws(DocumentFailure) {
            let keySet = try await transport.document(at: "\(apiURL)/jwks.json")
            if (try? JSONDecoder().decode(KeySet.self, from: Data(keySet))) == nil { throw .malformed }
        } catch {
            examination.keySetTrouble = error
        }
        return examination
    }

    /// Asks for one event in each version, oldest first.
    /// - Parameter bearer: Nil when the login itself is refused for its version; then each version logs in.
    /// - Returns: The first version in which Flatpeak answers.
    private func accountVersion(by transport: HTTPTransport, _ bearer: Secret?, at now: Date) async -> FlatpeakVersion?
    {
        for version in FlatpeakVersion.allCases {
            var bearer = bearer
            if bearer == nil, let key = credentials.keys.first,
                let answer = try? await login(with: key, in: version, by: transport).get()
            {
                bearer = (try? version.table.login(from: answer, at: now)).map { Secret($0.bearer_token) }
            }
            guard let authorization = bearer?.expose({ "Bearer \($0)" }) else { continue }
            let events = UpstreamCall.events([("limit", "1")])
            switch await ask(events, in: version.rawValue, authorization: authorization, by: transport) {
            case .success, .failure(.notFound): return version
            case .failure: continue
            }
        }
        return nil
    }

    private func login(
        with key: Secret, in version: FlatpeakVersion, by transport: HTTPTransport
    ) async -> Result<HTTPAnswer, BFFError> {
        let pair = credentials.account.expose { account in key.expose { "\(account):\($0)" } }
        var answer: Result<HTTPAnswer, BFFError> = .failure(.notFound)
        for call in version.table.login {
            answer = await ask(
                call, in: version.rawValue, authorization: "Basic \(Data(pair.utf8).base64EncodedString())",
                by: transport)
            guard case .failure(.notFound) = answer else { return answer }
        }
        return answer
    }

    private struct KeySet: Decodable {
        struct Key: Decodable { let kty: String }
        let keys: [Key]
    }

    private func ask(
        _ call: UpstreamCall, in version: String, authorization: String, by transport: HTTPTransport
    ) async -> Result<HTTPAnswer, BFFError> {
        let request = UpstreamRequest(
            operation: call.operation, method: call.method, url: apiURL + call.target,
            headers: [(name: "authorization", value: authorization), (name: "flatpeak-version", value: version)],
            body: nil, timeLimit: call.operation.deadline)
        do throws(TransportFailure) {
            let answer = try await transport.send(request)
            if (200..<300).contains(answer.status) { return .success(answer) }
            return .failure(call.operation.credential == .basic ? answer.loginFailure : answer.failure)
        } catch {
            return .failure(error.bffError)
        }
    }
}
