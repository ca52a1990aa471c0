import Core
package import Wire

/// The fields of a request that decide about it, read in one pass; what is not here is not looked at.
package struct RequestHeadFacts: Sendable {
    // By these the policy of the edge judges every request.
    package var origin: String?
    package var fetchSite: String?
    package var forwarded: [String] = []
    package var forwardedFor: [String] = []
    package var forwardedProto: String?
    /// As the client wrote it, with or without a port.
    package private(set) var host: String?

    // By these the connection does.
    private(set) var isJSON = false
    package private(set) var acceptLanguage: String?
    private(set) var via: String?
    package private(set) var contentLength: Int?
    /// Whether the client waits for a word before it sends its body.
    package private(set) var expectsContinue = false
    /// Whether the client offers another protocol than HTTP/2 for this connection.
    private(set) var asksForUpgrade = false
    private var contentTypes = 0
    private var hosts = 0
    private var hasUnderscore = false
    private var hasOddHost = false
    private var hasOddFraming = false
    /// Not so in HTTP/1.0.
    private var mustHaveHost = false

    package init() {}

    package init(_ head: RequestHead, in bytes: Span<UInt8>) {
        self.init(head, in: bytes, TextCache())
    }

    init(_ head: RequestHead, in bytes: Span<UInt8>, _ texts: TextCache) {
        mustHaveHost = !head.isVersion10
        for field in head.fields {
            for index in field.name where bytes[index] == UInt8(ascii: "_") { hasUnderscore = true }
            note(field.name, field.value, in: bytes, texts)
        }
        switch head.framing {
        // A client of HTTP/1.0 knows no interim answer (RFC 9110 section 15.2), and without a body none is due.
        case .length(let length):
            contentLength = length
            if length == 0 || head.isVersion10 { expectsContinue = false }
        case .chunked: break
        case nil: hasOddFraming = true
        }
    }

    /// Whether two readers could take this head for two different requests.
    ///
    /// Many proxies and frameworks read `X_Forwarded_User` and `X-Forwarded-User` as one and the same.
    var isAmbiguous: Bool {
        hasUnderscore || hasOddHost || hasOddFraming || hosts > 1 || (hosts == 0 && mustHaveHost)
    }

    /// Whether one of the proxies on the way here is called `name`, by `Via` (RFC 9110 section 7.6.3).
    package func names(_ name: String) -> Bool {
        guard let via else { return false }
        return via.splitBytes(at: ",").contains { hop in
            hop.utf8.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
                .contains { $0.elementsEqual(name.utf8) }
        }
    }

    /// Notes a field; of a plain request, which has a host and sound framing, no more has to be known.
    mutating func note(
        _ name: Range<Int>, _ value: Range<Int>, in bytes: Span<UInt8>, _ texts: TextCache
    ) {
        let name = bytes.extracting(name)
        switch name.count {
        case 3 where name.equalsIgnoringCase("via"): Self.join(&via, bytes.text(in: value))
        case 4 where name.equalsIgnoringCase("host"):
            hosts += 1
            host = texts.text(bytes, in: value)
            if !RequestTarget.isAuthority(bytes.extracting(value)) { hasOddHost = true }
        case 6 where name.equalsIgnoringCase("origin"): Self.join(&origin, texts.text(bytes, in: value))
        // What else a client may expect is not known to this server, and ignored (RFC 9110 section 10.1.1).
        case 6 where name.equalsIgnoringCase("expect"):
            if bytes.lists("100-continue", in: value) { expectsContinue = true }
        case 7 where name.equalsIgnoringCase("upgrade"):
            // Clients of HTTP/2 offer it on plain calls; a server may ignore that (RFC 9110 section 7.8). Who offers
            // something else speaks it next, where a proxy has believed in the answer.
            bytes.forEachElement(of: value) { if !bytes.equalsIgnoringCase("h2c", in: $0) { asksForUpgrade = true } }
        case 9 where name.equalsIgnoringCase("forwarded"): forwarded.append(bytes.text(in: value))
        case 12 where name.equalsIgnoringCase("content-type"):
            // Given twice it is a list, and no list is a type.
            isJSON = contentTypes == 0 && bytes.extracting(value).isJSONType
            contentTypes += 1
        case 14 where name.equalsIgnoringCase("content-length"): contentLength = bytes.decimal(in: value)
        case 14 where name.equalsIgnoringCase("sec-fetch-site"): Self.join(&fetchSite, bytes.text(in: value))
        case 15 where name.equalsIgnoringCase("accept-language"):
            Self.join(&acceptLanguage, texts.text(bytes, in: value))
        case 15 where name.equalsIgnoringCase("x-forwarded-for"): forwardedFor.append(bytes.text(in: value))
        case 17 where name.equalsIgnoringCase("x-forwarded-proto"): Self.join(&forwardedProto, bytes.text(in: value))
        default: break
        }
    }

    /// A field given twice is a list, and no list is an origin of ours.
    private static func join(_ field: inout String?, _ value: String) {
        field = field.map { "\($0), \(value)" } ?? value
    }
}
