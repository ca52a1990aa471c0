package import Core
import Networking
package import Resilience

// Locations that are made before their session (upstream.md §9).

extension FlatpeakClient {
    /// Whether a session needs a location that exists.
    package var needsLocation: Bool { settings.table.needsLocation }

    /// Checks whether the version can say what a mint asks for, whatever its location.
    /// - Throws: `invalidField`.
    package func check(_ order: MintOrder) throws(BFFError) {
        _ = try settings.table.mint(order)
    }

    /// Makes a location of our own reference, or finds the one that a lost answer of this call was about.
    ///
    /// A conflict without a lost answer is about a location that this call did not make, and is not looked up.
    /// - Parameter reference: Unique, never used before, and of characters that a query takes unescaped.
    /// - Throws: `postalAddressRequired` when Flatpeak refuses one without an address.
    package func createLocation(
        _ reference: SessionID, at address: PostalAddress?, for caller: CallerKey
    ) async throws(WriteFailure) -> LocationID {
        let call: UpstreamCall
        do throws(BFFError) {
            call = try .createLocation(LocationBody(reference_id: reference.text, postal_address: address))
        } catch {
            throw .refused(error)
        }
        do throws(WriteFailure) {
            return try await locationMade(by: call, for: caller)
        } catch {
            switch error {
            // Bytes were not sent, or the bearer was refused and there may be another one by now.
            case .refused(.upstreamRefusedCredentials), .refused(.upstreamRefused(status: 403, _)):
                return try await locationMade(by: call, for: caller, mapping: address)
            case .refused(let error): throw .refused(Self.refusal(error, of: address))
            case .unknown: break
            }
        }
        do throws(WriteFailure) {
            return try await locationMade(by: call, for: caller)
        } catch {
            switch error {
            case .refused(.upstreamRefused(status: 409, _)):
                do throws(BFFError) { return try await location(of: reference, for: caller) } catch {
                    throw .unknown(error)
                }
            // Whatever refuses the second one says nothing of the first.
            case .refused(let error): throw .unknown(Self.refusal(error, of: address))
            case .unknown: throw error
            }
        }
    }

    private func locationMade(
        by call: UpstreamCall, for caller: CallerKey, mapping address: PostalAddress?
    ) async throws(WriteFailure) -> LocationID {
        do throws(WriteFailure) { return try await locationMade(by: call, for: caller) } catch {
            guard case .refused(let refusal) = error else { throw error }
            throw .refused(Self.refusal(refusal, of: address))
        }
    }

    private func locationMade(
        by call: UpstreamCall, for caller: CallerKey
    ) async throws(WriteFailure) -> LocationID {
        let answer = try await write(call, for: caller)
        do throws(BFFError) {
            guard let id = LocationID(try answer.decoded(as: LocationReply.self).id) else {
                throw .upstreamInvalidAnswer
            }
            return id
        } catch {
            throw .unknown(error)
        }
    }

    private func location(of reference: SessionID, for caller: CallerKey) async throws(BFFError) -> LocationID {
        struct List: Decodable { let data: [LocationReply] }
        let list = try await call(.locations(of: reference), for: caller).decoded(as: List.self)
        let own = list.data.filter { $0.reference_id?.equalsBytes(of: reference.text) == true }
        guard own.count == 1, let id = own.first.flatMap({ LocationID($0.id) }) else { throw .upstreamInvalidAnswer }
        return id
    }

    /// Which refusals may be about a missing address is not documented: any of the request's content.
    private static func refusal(_ error: BFFError, of address: PostalAddress?) -> BFFError {
        guard address == nil, case .upstreamRefused(let status, let code) = error, status == 400 || status == 422,
            code?.text != "account_disabled"
        else { return error }
        return .postalAddressRequired
    }
}

/// `POST /locations` (upstream.md §9).
struct LocationBody: Encodable {
    let reference_id: String
    let postal_address: PostalAddress?
}

private struct LocationReply: Decodable {
    let id: String
    let reference_id: String?
}
