import Testing

@testable import Edge

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
