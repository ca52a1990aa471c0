import Core
import Testing

@Suite struct CustomerTextTests {
    @Test func `one second is not 1 seconds`() {
        for error: BFFError in [
            .rateLimited(retryAfter: 1), .upstreamLimited(retryAfter: 1), .upstreamUnavailable(retryAfter: 1),
        ] {
            for text in [error.detail, error.customerText.detail] {
                #expect(text.contains("in 1 second."), "\(text)")
                #expect(!text.contains("seconds"), "\(text)")
            }
        }
        #expect(BFFError.rateLimited(retryAfter: 2).detail == "Try again in 2 seconds.")
        #expect(BFFError.upstreamLimited(retryAfter: nil).detail == "Try again later.")
        #expect(BFFError.bodyTooLarge(limit: 1).detail == "Send at most 1 byte.")
        #expect([0, 1, 2].map { $0.counted("event") } == ["0 events", "1 event", "2 events"])
    }

    @Test(arguments: [
        BFFError.connectTokenMissing, .connectTokenUnknown, .connectTokenUsed, .connectTokenExpired, .ticketUnknown,
        .ticketUsed, .ticketExpired, .malformedJSON,
        .malformedHeader, .headersTooLarge, .unsupportedContentType, .bodyTooLarge(limit: 9), .methodNotAllowed,
        .originNotAllowed, .requestTimedOut, .rateLimited(retryAfter: 3), .upstreamLimited(retryAfter: nil),
        .upstreamUnavailable(retryAfter: 3), .upstreamUnreachable, .upstreamTimedOut, .upstreamInvalidAnswer,
        .upstreamFailed(status: 500), .upstreamRefused(status: 400, code: nil), .upstreamBlocked(status: 403),
        .overloaded, .storeUnavailable, .loopDetected, .internalFailure, .invalidField("fp_cot", reason: .malformed),
    ])
    func `a customer reads what happened and what to do, and no word for developers`(error: BFFError) {
        let (title, detail) = error.customerText
        for word in [
            "BFF_", "FLATPEAK_", "JSON", "connect_token", "token", "ticket", "header", "operator", "server", "fp_cot",
            "Allow",
            "origin", "upstream", "Flatpeak",
        ] {
            #expect(!"\(title). \(detail)".contains(word), "\(error.code): \(word)")
        }
        #expect(!title.hasSuffix("."))
        #expect(detail.hasSuffix("."))
    }
}
