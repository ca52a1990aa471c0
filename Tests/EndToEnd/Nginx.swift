import Foundation

/// A real nginx on a free port of 127.0.0.1, in front of a service.
final class Nginx: Sendable {
    let url: String
    private let folder: String
    private let program: Program

    /// - Parameters:
    ///   - http: Directives of the `http` block.
    ///   - location: Directives of the one location, besides where it passes to.
    static func run(
        before service: String, http: String = "", location: String = "", _ body: (Nginx) async throws -> Void
    ) async throws {
        let nginx = try await Nginx(before: service, http: http, location: location)
        try await Program.run({ try await body(nginx) }, finally: { await nginx.stop() })
    }

    private init(before service: String, http: String, location: String) async throws {
        let port = try FreePort.find()
        url = "http://127.0.0.1:\(port)"
        folder = FileManager.default.temporaryDirectory.appending(path: "bff-nginx-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let configuration = """
            daemon off; master_process off; pid nginx.pid; error_log stderr notice;
            events {}
            http {
                access_log access.log; client_body_temp_path body; proxy_temp_path proxy;
                fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                \(http)
                server {
                    listen 127.0.0.1:\(port);
                    location / {
                        proxy_pass \(service); proxy_http_version 1.1; proxy_set_header Connection "";
                        proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
                        \(location)
                    }
                }
            }
            """
        try Data(configuration.utf8).write(to: URL(filePath: "\(folder)/nginx.conf"))
        program = await Program(
            path: URL(filePath: "/usr/sbin/nginx"), ["-p", folder, "-c", "\(folder)/nginx.conf", "-e", "stderr"],
            until: "OS: Linux")
        // It says so before it listens.
        for _ in 0..<1000 {
            if (try? await HTTP.send("GET", "\(url)/livez")) != nil { return }
            await Task.yield()
        }
    }

    private func stop() async {
        await program.stop()
        Canary.keep(.proxy, FileManager.default.contents(atPath: "\(folder)/access.log"))
        try? FileManager.default.removeItem(atPath: folder)
    }
}
