import Core
import FoundationEssentials
import Networking
import Wire

extension UInt8 {
    fileprivate var isBlank: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}

extension HTTPAnswer {
    /// Reads a JSON answer; anything else, HTML with a 200 included, is one typed error.
    func decoded<Reply: Decodable>(as type: Reply.Type) throws(BFFError) -> Reply {
        do { return try JSONDecoder().decode(type, from: Data(body)) } catch { throw .upstreamInvalidAnswer }
    }

    /// The body as clients may read it: strict JSON, without the account id, which is half of the Basic pair, and without
    /// connect tokens, which BUSBAR has in its locations (upstream.md §6.2).
    func bodyForClients() throws(BFFError) -> [UInt8] {
        let body = JSONScanner.removing(from: body) { member, json in
            json.matches("account_id", in: member.name.range) || json.matches("connect_token", in: member.name.range)
                || member.string.map { json.matches("cot_", in: $0.range.prefix(4)) } ?? false
        }
        guard let body else { throw .upstreamInvalidAnswer }
        return ConnectToken.removed(from: body)
    }

    /// Whether the answer is the page of a firewall or a proxy before Flatpeak, which refuses in JSON, or in two words.
    var isBlockPage: Bool {
        guard !(200..<300).contains(status) else { return false }
        let type = contentType?.splitBytes(at: ";", maxSplits: 1)[0].withoutBlankEnds ?? ""
        if type.equalsIgnoringASCIICase("text/html") || type.equalsIgnoringASCIICase("application/xhtml+xml") {
            return true
        }
        guard let first = body.first(where: { !$0.isBlank }) else { return false }
        if first == UInt8(ascii: "<") { return true }
        // Such as Cloudflare's "error code: 1020", or Envoy's "RBAC: access denied".
        return Self.refusals.contains(status) && !saysBadCredentials && (try? decoded(as: AnyJSON.self)) == nil
    }

    /// The statuses with which firewalls and proxies refuse.
    private static let refusals: Set<Int> = [401, 403, 407, 451]

    private struct AnyJSON: Decodable { init(from decoder: any Decoder) {} }

    /// Whether the bearer may be the reason of a refusal.
    var mayBeAboutBearer: Bool { (status == 401 || status == 403) && !isBlockPage }

    /// Flatpeak's words for an account or bearer that it does not accept (upstream.md §1).
    private var saysBadCredentials: Bool {
        let text = body.drop { $0.isBlank }
        return text.starts(with: "Bad credentials".utf8) || text.starts(with: "\"Bad credentials".utf8)
    }

    /// What a status other than 2xx means when the call was a login.
    var loginFailure: BFFError { mayBeAboutBearer ? .upstreamRefusedCredentials : failure }

    /// What a status other than 2xx means to us.
    var failure: BFFError {
        if Self.refusals.contains(status), isBlockPage { return .upstreamBlocked(status: status) }
        let code = (try? decoded(as: ErrorReply.self))?.code.flatMap { BFFError.UpstreamCode($0) }
        switch status {
        case 401: return .upstreamRefusedCredentials
        case 403 where saysBadCredentials: return .upstreamRefusedCredentials
        case 404: return .notFound
        case 422 where code?.text == "api_version_not_supported": return .upstreamVersionNotSupported
        case 429: return .upstreamLimited(retryAfter: retryAfter.map { min(max($0, 1), 3600) })
        case 400..<500: return .upstreamRefused(status: status, code: code)
        case 500...: return .upstreamFailed(status: status)
        default: return .upstreamInvalidAnswer  // A redirect is never followed.
        }
    }
}
