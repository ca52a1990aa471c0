import Testing

@testable import Relay

@Suite struct TurnsTests {
    @Test func `a call of ours has its turn and gives it back`() {
        var turns = Turns()
        turns.headArrived(isOurs: true, keepsAlive: true)
        #expect(turns.turn == .reading && !turns.mustHold && turns.isOurs)
        turns.bodyArrived()
        #expect(turns.turn == .asked && turns.mustHold)
        turns.answerBegan()
        #expect(turns.turn == .answering && turns.mustHold)
        let keepsAlive = turns.headWritten()
        #expect(keepsAlive)
        turns.answered()
        #expect(turns.turn == .idle && !turns.mustHold && !turns.isOurs)
    }

    @Test func `a request of the router's ends when both its sides have`() {
        for answersEarly in [true, false] {
            var turns = Turns()
            turns.headArrived(isOurs: false, keepsAlive: true)
            #expect(turns.turn == .passing && !turns.mustHold && !turns.isOurs)
            if answersEarly {
                let isLast = turns.passedAnswerBegan()
                #expect(isLast, "the rest of the request is not worth reading")
                let isOver = turns.answerPassed()
                #expect(isOver)
                #expect(turns.turn == .closing)
            } else {
                let wasAnswered = turns.requestPassed()
                #expect(!wasAnswered)
                #expect(turns.mustHold)
                let isLast = turns.passedAnswerBegan()
                #expect(!isLast)
                let isOver = turns.answerPassed()
                #expect(isOver)
                #expect(turns.turn == .idle)
            }
        }
    }

    @Test(arguments: [true, false])
    func `the last answer ends the connection, whoever gives it`(isOurs: Bool) {
        var turns = Turns()
        turns.headArrived(isOurs: isOurs, keepsAlive: false)
        if isOurs {
            turns.bodyArrived()
            let keepsAlive = turns.headWritten()
            #expect(!keepsAlive)
            turns.answerBegan()
            turns.answered()
        } else {
            let wasAnswered = turns.requestPassed()
            #expect(!wasAnswered)
            let isLast = turns.passedAnswerBegan()
            #expect(isLast)
            let isOver = turns.answerPassed()
            #expect(isOver)
        }
        #expect(turns.turn == .closing && !turns.mustHold)
    }

    @Test func `a service that stops ends the connection with the answer under way`() {
        var turns = Turns()
        turns.headArrived(isOurs: true, keepsAlive: true)
        turns.end()
        turns.bodyArrived()
        let keepsAlive = turns.headWritten()
        #expect(!keepsAlive)
        turns.answered()
        #expect(turns.turn == .closing)
    }

    @Test(arguments: [true, false])
    func `a service that is about to stop keeps its word: the next answer is the last, not one that began`(
        isOurs: Bool
    ) {
        var turns = Turns()
        for isLast in [false, true] {
            turns.headArrived(isOurs: isOurs, keepsAlive: true)
            if isOurs {
                turns.bodyArrived()
                turns.answerBegan()
                let keepsAlive = turns.headWritten()
                #expect(keepsAlive == !isLast)
                turns.drain()
                turns.answered()
            } else {
                _ = turns.requestPassed()
                let saysClose = turns.passedAnswerBegan()
                #expect(saysClose == isLast)
                turns.drain()
                _ = turns.answerPassed()
            }
            #expect(turns.turn == (isLast ? .closing : .idle))
        }
    }

    @Test func `what cannot be trusted is the last`() {
        var turns = Turns()
        turns.headArrived(isOurs: true, keepsAlive: true)
        turns.endAfterAnswer()
        let keepsAlive = turns.headWritten()
        #expect(!keepsAlive)
        turns.answered()
        #expect(turns.turn == .closing)
    }
}

@Suite struct UpstreamAddressTests {
    @Test(arguments: [
        ("https://connect.flatpeak.com", true, "connect.flatpeak.com", 443, "connect.flatpeak.com"),
        ("http://127.0.0.1:8091", false, "127.0.0.1", 8091, "127.0.0.1:8091"),
        ("https://[::1]:8443", true, "::1", 8443, "[::1]:8443"), ("http://[::1]", false, "::1", 80, "[::1]"),
    ])
    func read(url: String, isSecure: Bool, host: String, port: Int, authority: String) throws {
        let address = try #require(UpstreamAddress(url))
        #expect(address.isSecure == isSecure && address.host == host && address.port == port)
        #expect(address.authority == authority)
        #expect((address.serverName != nil) == (host == "connect.flatpeak.com"))
    }

    @Test(arguments: ["", "connect.flatpeak.com", "ftp://a", "https://", "http://:80", "http://a:x"])
    func `anything else is none`(url: String) {
        #expect(UpstreamAddress(url) == nil)
    }
}
