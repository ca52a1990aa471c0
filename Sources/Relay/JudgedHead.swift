import Core
import NIOHTTP1

/// The fields of a request by which it is judged, read in one pass; what is not here is not looked at.
///
/// A class, since it is handed around for each call, and a copy would cost a count for each field.
package final class JudgedHead {
    // By these the edge judges every request.
    package var origin: String?
    package var fetchSite: String?
    package var forwarded: [String] = []
    package var forwardedFor: [String] = []
    package var forwardedProto: String?
    /// As the client wrote it, with or without a port.
    package private(set) var host: String?

    // By these the lane does.
    private(set) var isJSON = false
    private(set) var acceptLanguage: String?
    private(set) var via: String?
    private(set) var contentLength: Int?
    /// Whether the client waits for a word before it sends its body.
    private(set) var expectsContinue = false
    /// Whether the client would rather speak another protocol after this request; the decoder stops at its end.
    private(set) var asksForUpgrade = false
    private var contentTypes = 0
    private var hosts = 0
    private var hasUnderscore = false
    private var hasOddHost = false
    /// The decoder takes lengths that no count of ours can hold.
    private var hasOddLength = false
    private var codings = 0
    private var hasOddCoding = false
    /// Not so in HTTP/1.0, which knows no chunks either.
    private var mustHaveHost = false

    package init() {}

    init(_ head: HTTPRequestHead) {
        mustHaveHost = head.version != .http1_0
        for (name, value) in head.headers {
            if name.utf8.contains(UInt8(ascii: "_")) { hasUnderscore = true }
            note(name.utf8.span, value.utf8.span, value)
        }
    }

    /// Notes a field of a plain request, which has a host, and no name with an underscore.
    func note(_ name: Range<Int>, _ value: Range<Int>, in bytes: Span<UInt8>) {
        note(bytes.extracting(name), bytes.extracting(value), nil)
    }

    /// Whether two readers could take this head for two different requests.
    ///
    /// Many proxies and frameworks read `X_Forwarded_User` and `X-Forwarded-User` as one and the same. The decoder lets
    /// a missing and a second `Host` pass, and finds fault with a transfer coding only when the body comes.
    var isAmbiguous: Bool {
        hasUnderscore || hasOddHost || hasOddLength || hosts > 1 || (hosts == 0 && mustHaveHost) || hasOddCoding
            || codings > 1
            || (codings > 0 && !mustHaveHost)
    }

    /// Whether one of the proxies on the way here is called `name`, by `Via` (RFC 9110 section 7.6.3).
    func names(_ name: String) -> Bool {
        guard let via else { return false }
        return via.splitBytes(at: ",").contains { hop in
            hop.utf8.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
                .contains { $0.elementsEqual(name.utf8) }
        }
    }

    /// - Parameter text: The value as a string, where there is one already.
    private func note(_ name: Span<UInt8>, _ value: Span<UInt8>, _ text: String?) {
        switch name.count {
        case 3 where name.says("via"): Self.join(&via, text ?? value.text)
        case 4 where name.says("host"):
            hosts += 1
            host = text ?? value.text
            if !RequestTarget.isAuthority(value) { hasOddHost = true }
        case 6 where name.says("origin"): Self.join(&origin, text ?? value.text)
        case 6 where name.says("expect"): expectsContinue = value.says("100-continue")
        case 7 where name.says("upgrade"): asksForUpgrade = true
        case 9 where name.says("forwarded"): forwarded.append(text ?? value.text)
        case 12 where name.says("content-type"):
            // Given twice it is a list, and no list is a type.
            isJSON = contentTypes == 0 && value.isJSONType
            contentTypes += 1
        case 14 where name.says("content-length"):
            contentLength = text.map { Int($0) } ?? value.decimal(in: 0..<value.count)
            if contentLength == nil { hasOddLength = true }
        case 14 where name.says("sec-fetch-site"): Self.join(&fetchSite, text ?? value.text)
        case 15 where name.says("accept-language"): Self.join(&acceptLanguage, text ?? value.text)
        case 15 where name.says("x-forwarded-for"): forwardedFor.append(text ?? value.text)
        case 17 where name.says("transfer-encoding"):
            codings += 1
            if !value.says("chunked") { hasOddCoding = true }
        case 17 where name.says("x-forwarded-proto"): Self.join(&forwardedProto, text ?? value.text)
        default: break
        }
    }

    /// A field given twice is a list, and no list is an origin of ours.
    private static func join(_ field: inout String?, _ value: String) {
        field = field.map { "\($0), \(value)" } ?? value
    }
}
