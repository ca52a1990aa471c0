import Foundation
import Synchronization
import Testing

@testable import connect_bff

/// Logging never blocks (I7).
@Suite struct LogWriterTests {
    /// Both ends of a pipe.
    private func pipe() throws -> (reads: FileHandle, writes: FileHandle) {
        signal(SIGPIPE, SIG_IGN)
        let pipe = Pipe()
        return (pipe.fileHandleForReading, pipe.fileHandleForWriting)
    }

    /// Reads to the end on a thread of its own: tasks share as few threads as there are cores, and the tests block them.
    private func reader(_ end: FileHandle) -> () -> Data {
        let done = DispatchSemaphore(value: 0), data = Bytes()
        Thread.detachNewThread {
            data.value.withLock { $0 = (try? end.readToEnd()) ?? Data() }
            done.signal()
        }
        return {
            done.wait()
            return data.value.withLock { $0 }
        }
    }

    private final class Bytes: Sendable {
        let value = Mutex(Data())
    }

    private func line(_ number: Int) -> [UInt8] { Array("\(number) \(String(repeating: "x", count: 90))\n".utf8) }

    private func writer(_ end: FileHandle, capacity: Int = 64 << 10) -> LogWriter {
        LogWriter(to: end.fileDescriptor, capacity: capacity) { Array("dropped \($0)\n".utf8) }
    }

    @Test("drops and counts lines when the reader stops, without waiting, and writes whole lines in order (I7)")
    func stopped() throws {
        let (reads, writes) = try pipe()
        let writer = writer(writes)
        let began = ContinuousClock.now
        for number in 0..<20_000 { writer.add(line(number)) }
        #expect(began.duration(to: .now) < .seconds(5))
        let ended = ContinuousClock.now
        writer.finish()
        #expect(ended.duration(to: .now) < .seconds(3), "the end of the process is not kept up")

        // The reader goes on.
        let read = reader(reads)
        writer.finish(within: .seconds(10))
        writer.add(line(20_000))
        writer.finish(within: .seconds(10))
        try writes.close()
        let text = read()
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        let dropped = lines.compactMap { $0.hasPrefix("dropped ") ? Int($0.dropFirst(8)) : nil }
        let numbers = lines.compactMap { $0.hasPrefix("dropped ") ? nil : Int($0.prefix { $0 != " " }) }
        #expect(numbers == numbers.sorted())
        #expect(numbers.last == 20_000)
        #expect(lines.allSatisfy { $0.hasPrefix("dropped ") || $0.hasSuffix(String(repeating: "x", count: 90)) })
        #expect(!dropped.isEmpty)
        #expect(numbers.count + dropped.reduce(0, +) == 20_001)
    }

    @Test("with a reader nothing is lost, up to the end (I7)") func complete() throws {
        let (reads, writes) = try pipe()
        let writer = writer(writes, capacity: 1 << 20)
        let read = reader(reads)
        for number in 0..<2000 { writer.add(line(number)) }
        writer.finish(within: .seconds(10))
        try writes.close()
        let text = String(decoding: read(), as: UTF8.self)
        #expect(text.split(separator: "\n").map { Int($0.prefix { $0 != " " }) } == Array(0..<2000))
    }

    @Test("a reader that is gone costs lines alone (I7)") func gone() throws {
        let (reads, writes) = try pipe()
        let writer = writer(writes)
        try reads.close()
        for number in 0..<1000 { writer.add(line(number)) }
        writer.finish()
        try writes.close()
        writer.add(line(0))
        writer.finish()
    }

    @Test("either format says how many lines were dropped (I7)") func notices() throws {
        let json = JSONLog.dropped(7, now: (1_798_761_599, 7))
        #expect(
            String(decoding: json, as: UTF8.self)
                == #"{"bff.count":"7","level":"warning","message":"log lines dropped","time":"2026-12-31T23:59:59.007Z"}"#
                + "\n")
        let text = TextLog(isColoured: false, now: { (1_798_761_599, 7) }, write: { _ in }).dropped(7)
        #expect(String(decoding: text, as: UTF8.self) == "23:59:59.007Z warning  log lines dropped count=7\n")
    }
}
