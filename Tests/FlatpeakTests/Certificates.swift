import Foundation

/// Certificates made by the `openssl` program, so that they are nobody's idea of ours.
enum Certificates {
    struct Failed: Error {}

    /// Writes `certificate.pem`, signed by itself, and `key.pem`.
    static func make(in folder: String, host: String, isExpired: Bool) throws {
        try Data("subjectAltName=DNS:\(host)\n".utf8).write(to: URL(filePath: "\(folder)/extensions"))
        try openssl([
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=\(host)", "-keyout", "\(folder)/key.pem", "-out",
            "\(folder)/request.pem",
        ])
        try openssl([
            "x509", "-req", "-in", "\(folder)/request.pem", "-signkey", "\(folder)/key.pem", "-extfile",
            "\(folder)/extensions", "-days", isExpired ? "-1" : "2", "-out", "\(folder)/certificate.pem",
        ])
    }

    private static func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed() }
    }
}
