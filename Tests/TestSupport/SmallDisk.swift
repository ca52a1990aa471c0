import Foundation

/// A file system in memory that is soon full.
package struct SmallDisk {
    package let path: String

    /// Whether we may mount one: not everybody may, nor root in every container.
    package static let isPossible: Bool = {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bff-disk-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        guard let disk = try? SmallDisk(in: folder, kilobytes: 64) else { return false }
        disk.remove()
        return true
    }()

    package init(in folder: String, kilobytes: Int) throws {
        path = "\(folder)/disk"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Self.run("/bin/mount", "-t", "tmpfs", "-o", "size=\(kilobytes)k", "tmpfs", path)
    }

    /// No process may have a file open for writing.
    package func forbidWrites() throws {
        try Self.run("/bin/mount", "-o", "remount,ro", path)
    }

    package func remove() {
        // Lazily: a process may have a file open still.
        try? Self.run("/bin/umount", "-l", path)
    }

    private static func run(_ program: String, _ arguments: String...) throws {
        let process = try Process.run(URL(filePath: program), arguments: arguments)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.featureUnsupported) }
    }
}
