import Foundation
import Glibc
import Synchronization

/// A real PostgreSQL of Debian's package `postgresql`, in a temporary folder, as an ordinary user.
///
/// It goes with the process that started it, however that ends: a shell holds the other end of a pipe.
package final class PostgresServer: Sendable {
    /// The one of this process, for tests that leave it as it is.
    package static let shared = PostgresServer()

    private let folder = FileManager.default.temporaryDirectory.appending(path: "bff-pg-\(UUID().uuidString.prefix(8))")
        .path
    /// The port on 127.0.0.1; nil for a socket in the folder alone.
    private let port: Int?
    private let settings: [String]
    /// The shell that holds it; nil before it runs.
    private let shell: Mutex<(process: Process, life: Pipe)?> = Mutex(nil)
    private let made = Mutex(0)

    package enum Trouble: Error { case absent, failed(String), late }

    package init(port: Int? = nil, settings: [String] = []) {
        self.port = port
        self.settings = settings
    }

    deinit { stop() }

    // MARK: - The server

    /// Starts it, and makes its files when there are none yet.
    package func start() async throws {
        try await onOwnThread { [self] in try begin() }
    }

    private func begin() throws {
        try shell.withLock { shell in
            guard shell == nil else { return }
            let bin = try Self.binaries()
            if !FileManager.default.fileExists(atPath: "\(folder)/data") {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                if getuid() == 0 { _ = try Self.run("/bin/chown", ["postgres", folder]) }
                _ = try Self.run(
                    "\(bin)/initdb", ["-D", "\(folder)/data", "-A", "trust", "-U", "bff", "-E", "UTF8", "-N"])
            }
            let listening = port.map { ["-c", "listen_addresses=127.0.0.1", "-p", "\($0)"] } ?? ["-h", ""]
            let arguments =
                [
                    "\(bin)/postgres", "-D", "\(folder)/data", "-k", folder, "-c", "fsync=off", "-c",
                    "max_connections=400",
                ] + listening
                + settings.flatMap { ["-c", $0] }
            // Without a signal, it ends with the tests.
            let script = """
                "$@" >"\(folder)/log" 2>&1 & read -r last; kill -QUIT $!; kill -CONT $!; wait
                [ "$last" = keep ] || rm -rf "\(folder)"
                """
            let process = Process(), life = Pipe()
            (process.executableURL, process.arguments) = Self.ordinary(
                "/bin/bash", ["-c", script, "bash"] + arguments)
            process.standardInput = life
            try process.run()
            shell = (process, life)
        }
        // Its file states when it takes connections.
        let end = ContinuousClock.now + .seconds(30)
        while !status.contains("ready") {
            guard ContinuousClock.now < end else { throw Trouble.late }
            usleep(20_000)
        }
    }

    /// Ends it at once, as a power cut would, and keeps its files.
    package func halt() {
        shell.withLock { shell in
            guard let (process, life) = shell else { return }
            resume()
            try? life.fileHandleForWriting.write(contentsOf: Data("keep\n".utf8))
            process.waitUntilExit()
            shell = nil
        }
        try? FileManager.default.removeItem(atPath: "\(folder)/data/postmaster.pid")
    }

    package func stop() {
        halt()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private var status: String { (try? String(contentsOfFile: "\(folder)/data/postmaster.pid", encoding: .utf8)) ?? "" }

    /// Stops all of its processes where they stand: nothing is closed, nothing is answered.
    package func pause() { signal(SIGSTOP) }
    package func resume() { signal(SIGCONT) }

    private func signal(_ number: Int32) {
        guard let first = status.split(separator: "\n").first, let server = pid_t(first) else { return }
        // The first one is stopped first, so that no new one comes.
        kill(server, number)
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        for child in all.compactMap({ pid_t($0) }) {
            guard let stat = try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8),
                let rest = stat.split(separator: ")").last?.split(separator: " "), rest.count > 1,
                pid_t(rest[1]) == server
            else { continue }
            kill(child, number)
        }
    }

    // MARK: - Databases

    /// Makes an empty database, starting the server if need be.
    /// - Returns: Its URL.
    package func newDatabase() async throws -> String {
        try await start()
        let name = made.withLock { made in
            made += 1
            return "test\(made)"
        }
        try await query("CREATE DATABASE \(name) STRATEGY file_copy", in: "postgres")
        return port.map { "postgres://bff@127.0.0.1:\($0)/\(name)" } ?? "postgres://bff@/\(name)?host=\(folder)"
    }

    /// What psql prints.
    package func query(_ sql: String, of url: String) async throws -> String {
        let name = url.split(separator: "?")[0].split(separator: "/").last ?? ""
        return try await query(sql, in: String(name))
    }

    @discardableResult private func query(_ sql: String, in database: String) async throws -> String {
        try await onOwnThread { [folder, port] in
            try Self.run(
                "\(try Self.binaries())/psql",
                [
                    "-h", folder, "-p", "\(port ?? 5432)", "-U", "bff", "-d", database, "-v", "ON_ERROR_STOP=1",
                    "-Atqc", sql,
                ])
        }
    }

    // MARK: - Programs

    private static func binaries() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap { Int($0) }
        guard let newest = versions.max() else { throw Trouble.absent }
        return "\(root)/\(newest)/bin"
    }

    /// PostgreSQL refuses to run as root.
    private static func ordinary(_ program: String, _ arguments: [String]) -> (URL, [String]) {
        guard getuid() == 0 else { return (URL(filePath: program), arguments) }
        return (
            URL(filePath: "/usr/bin/setpriv"),
            ["--reuid=postgres", "--regid=postgres", "--clear-groups", program] + arguments
        )
    }

    private static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process(), output = Pipe()
        (process.executableURL, process.arguments) =
            program == "/bin/chown" ? (URL(filePath: program), arguments) : ordinary(program, arguments)
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Trouble.failed(said) }
        return said
    }
}
