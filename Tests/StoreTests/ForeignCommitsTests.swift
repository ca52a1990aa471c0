import Testing

@testable import Store

/// Which commits are another process's, by the numbers that SQLite gives two connections.
@Suite struct ForeignCommitsTests {
    private var commits = ForeignCommits(observer: 5, writer: 2)

    /// Whether the end of a write reports a commit of another process.
    private mutating func end(observer: Int32?, writer: Int32?) -> Bool {
        let isForeign = commits.isForeign(writer: writer)
        commits.writeEnded(observer: observer, writer: writer)
        return isForeign
    }

    @Test func `nothing new is nothing foreign, and neither is what another thread saw earlier`() {
        #expect(commits.finding(5) == .known)
        #expect(commits.finding(4) == .known)
    }

    @Test mutating func `a commit while no write is in progress is foreign, until it is notified`() {
        #expect(commits.finding(6) == .foreign)
        #expect(commits.finding(6) == .foreign)
        commits.accept(6)
        #expect(commits.finding(6) == .known)
        #expect(commits.finding(7) == .foreign)
        // A thread that looked earlier takes nothing back.
        commits.accept(5)
        #expect(commits.finding(6) == .known)
    }

    @Test mutating func `a commit while a write is in progress is undecided, and ours when the writer sees none`() {
        commits.writeBegan()
        #expect(commits.finding(5) == .known)
        #expect(commits.finding(6) == .undecided)
        #expect(end(observer: 6, writer: 2) == false)
        #expect(commits.finding(6) == .known)
    }

    @Test mutating func `a commit before, during or right after a write of ours is foreign when the writer sees it`() {
        commits.writeBegan()
        #expect(end(observer: 7, writer: 3))
        #expect(commits.finding(7) == .known)
        commits.writeBegan()
        #expect(end(observer: 8, writer: 3) == false)
        // After the observer was read.
        #expect(commits.finding(9) == .foreign)
    }

    @Test mutating func `a number that cannot be read decides nothing in favour of a commit`() {
        commits.writeBegan()
        #expect(end(observer: nil, writer: 2) == false)
        #expect(commits.finding(6) == .foreign, "our own, perhaps")
        commits.writeBegan()
        #expect(end(observer: 7, writer: nil))
        commits.writeBegan()
        #expect(end(observer: 8, writer: 3), "that between is found late")
    }

    @Test mutating func `the number wraps around`() {
        commits = ForeignCommits(observer: .max, writer: .max)
        #expect(commits.finding(.min) == .foreign)
        commits.accept(.min)
        #expect(commits.finding(.max) == .known)
        #expect(commits.finding(.min) == .known)
    }
}
