import Foundation
import Glibc
import Synchronization

/// A real PgBouncer in front of a database of ``PostgresServer``, which goes with the process that started it.
package final class PgBouncer: Sendable {
    package enum Mode: String, Sendable { case session, transaction }
    package enum Trouble: Error { case absent, late }

    private let folder = FileManager.default.temporaryDirectory.appending(
        path: "bff-pgb-\(UUID().uuidString.prefix(8))"
    ).path
    private let shell: Mutex<(process: Process, life: Pipe)?> = Mutex(nil)
    /// The URL of the database through it.
    package let url: String

    /// - Parameter direct: A URL of ``PostgresServer/newDatabase()``.
    package init(before direct: String, mode: Mode) async throws {
        let parts = direct.split(separator: "?host=")
        let name = parts[0].split(separator: "/").last ?? "", host = parts.last ?? ""
        url = "postgres://bff@/\(name)?host=\(folder)&port=6432"
        guard FileManager.default.fileExists(atPath: "/usr/sbin/pgbouncer") else { throw Trouble.absent }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder)
        let settings = """
            [databases]
            * = host=\(host) user=bff
            [pgbouncer]
            pool_mode = \(mode.rawValue)
            listen_addr =
            listen_port = 6432
            unix_socket_dir = \(folder)
            auth_type = any
            """
        try Data(settings.utf8).write(to: URL(filePath: "\(folder)/pgbouncer.ini"))
        try await onOwnThread { [self] in try start() }
    }

    deinit { stop() }

    private func start() throws {
        // It refuses to run as root. When nothing more is said, it is the end of the tests.
        let script = """
            "$@" >"\(folder)/log" 2>&1 & read -r last; kill -KILL $!; wait; rm -rf "\(folder)"
            """
        let program = ["/usr/sbin/pgbouncer", "\(folder)/pgbouncer.ini"]
        let bash = ["/bin/bash", "-c", script, "bash"]
        let ordinary =
            getuid() == 0
            ? ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] + bash : bash
        let process = Process(), life = Pipe()
        process.executableURL = URL(filePath: ordinary[0])
        process.arguments = Array(ordinary.dropFirst()) + program
        process.standardInput = life
        try process.run()
        shell.withLock { $0 = (process, life) }
        let end = ContinuousClock.now + .seconds(10)
        while !FileManager.default.fileExists(atPath: "\(folder)/.s.PGSQL.6432") {
            guard ContinuousClock.now < end else { throw Trouble.late }
            usleep(20_000)
        }
    }

    package func stop() {
        shell.withLock { shell in
            guard let (process, life) = shell else { return }
            // A line and not the end of the pipe, which other processes may have inherited.
            try? life.fileHandleForWriting.write(contentsOf: Data("end\n".utf8))
            process.waitUntilExit()
            shell = nil
        }
        try? FileManager.default.removeItem(atPath: folder)
    }
}
