import Foundation
import Subprocess
import Synchronization
import SystemPackage

/// Text that grows.
final class Record: Sendable {
    private let state = Mutex("")
    var text: String { state.withLock { $0 } }
    func append(_ text: String) { state.withLock { $0 += text } }
}

/// A running program, with what it wrote to its two outputs.
///
/// Foundation's `Process` will not do: programs that are started at once inherit each other's pipes, so that one seems
/// to live, or to be silent, for as long as another.
final class Program: Sendable {
    let output = Record()
    private let run: Task<TerminationStatus, any Error>
    private let signals: AsyncStream<Signal>.Continuation

    /// Starts a program of this package and waits until it has written `text`, or ended.
    convenience init(
        _ name: String, _ arguments: [String], environment: [String: String]? = nil, until text: String
    ) async {
        await self.init(path: Self.path(of: name), arguments, environment: environment, until: text)
    }

    init(path: URL, _ arguments: [String], environment: [String: String]? = nil, until text: String) async {
        let (signals, sending) = AsyncStream<Signal>.makeStream()
        let (lines, continuation) = AsyncStream<Void>.makeStream()
        self.signals = sending
        let environment = environment.map { given in
            Environment.custom(Dictionary(uniqueKeysWithValues: given.map { (.init(stringLiteral: $0), $1) }))
        }
        run = Task { [output] in
            defer {
                continuation.finish()
                switch path.lastPathComponent {
                case "connect-bff": Canary.keep(.log, output.text)
                case "nginx", "haproxy", "caddy": Canary.keep(.proxy, output.text)
                default: break
                }
            }
            return try await Subprocess.run(
                .path(FilePath(path.path)), arguments: Arguments(arguments), environment: environment ?? .inherit,
                input: .none, output: .sequence, error: .combinedWithOutput
            ) { program in
                try await withThrowingTaskGroup { group in
                    group.addTask { for await signal in signals { try? program.send(signal: signal) } }
                    for try await chunk in program.standardOutput {
                        output.append(unsafe chunk.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) })
                        continuation.yield()
                    }
                    group.cancelAll()
                }
            }.terminationStatus
        }
        for await _ in lines where output.text.contains(text) { break }
    }

    /// Waits until it has ended.
    /// - Returns: Its exit code, or the signal that killed it; -1 when it could not be started.
    @discardableResult
    func end() async -> Int32 {
        switch try? await run.value {
        case .exited(let code): code
        case .signaled(let signal): signal
        case nil: -1
        }
    }

    /// Ends it, if it runs still.
    /// - Returns: What ``end()`` does.
    @discardableResult
    func stop(_ signal: Signal = .terminate) async -> Int32 {
        signals.yield(signal)
        return await end()
    }

    /// Does `body`, and then `end` in whichever way `body` ended.
    static func run(_ body: () async throws -> Void, finally end: () async -> Void) async throws {
        do {
            try await body()
        } catch {
            await end()
            throw error
        }
        await end()
    }

    /// Sends it a signal and does not wait.
    func send(_ signal: Signal) { signals.yield(signal) }

    /// A file beside the tests, or of the project.
    static func source(_ name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: name).standardized
    }

    /// A program of this package, beside the test bundle.
    static func path(of name: String) -> URL {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: name)
    }
}
