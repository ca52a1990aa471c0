package import Foundation

/// The `openssl` program: keys, certificates and signatures by an independent implementation.
package struct OpenSSLProgram {
    package let folder: String

    package struct Failed: Error {}

    /// Works in a new temporary folder.
    package init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "bff-openssl-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    /// Runs it; file names are those of the folder.
    /// - Returns: What it writes to its standard output.
    @discardableResult
    package func run(_ arguments: String...) throws -> Data {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: folder)
        process.standardError = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed() }
        return output
    }

    package func write(_ data: Data, to name: String) throws {
        try data.write(to: URL(filePath: "\(folder)/\(name)"))
    }

    package func remove() {
        try? FileManager.default.removeItem(atPath: folder)
    }
}
