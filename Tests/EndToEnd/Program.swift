import Foundation
import Synchronization

/// Text that grows.
final class Record: Sendable {
    private let state = Mutex("")
    var text: String { state.withLock { $0 } }
    func append(_ text: String) { state.withLock { $0 += text } }
}

/// A running program of this package, with what it wrote to its two outputs.
final class Program: Sendable {
    let output = Record()
    /// `Process` is not sendable; it is touched under the lock alone.
    private let process: Mutex<Process>

    /// Starts a program of this package and waits until it has written `text`, or ended.
    convenience init(
        _ name: String, _ arguments: [String], environment: [String: String]? = nil, until text: String
    ) async throws {
        try await self.init(path: Self.path(of: name), arguments, environment: environment, until: text)
    }

    init(path: URL, _ arguments: [String], environment: [String: String]? = nil, until text: String) async throws {
        let process = Process()
        process.executableURL = path
        process.arguments = arguments
        if let environment { process.environment = environment }
        let (lines, continuation) = AsyncStream<Void>.makeStream()
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        pipe.fileHandleForReading.readabilityHandler = { [output] handle in
            let data = handle.availableData
            if data.isEmpty {
                handle.readabilityHandler = nil
                continuation.finish()
            }
            output.append(String(decoding: data, as: UTF8.self))
            continuation.yield()
        }
        try process.run()
        self.process = Mutex(process)
        for await _ in lines where output.text.contains(text) { break }
    }

    /// Ends it, if it runs still.
    /// - Returns: Its exit code, or the signal that killed it.
    @discardableResult
    func stop(_ signal: Int32 = SIGTERM) -> Int32 {
        process.withLock { process in
            if process.isRunning { kill(process.processIdentifier, signal) }
            process.waitUntilExit()
            return process.terminationStatus
        }
    }

    /// Sends it a signal and does not wait.
    func signal(_ signal: Int32) {
        process.withLock { process in
            if process.isRunning { kill(process.processIdentifier, signal) }
        }
    }

    /// A program of this package, beside the test bundle.
    static func path(of name: String) -> URL {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: name)
    }
}
