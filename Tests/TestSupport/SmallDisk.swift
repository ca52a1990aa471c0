import Foundation
import Glibc

/// A file system in memory that is soon full.
///
/// Only root may mount one.
package struct SmallDisk {
    package let path: String

    package static var isPossible: Bool { geteuid() == 0 }

    package init(in folder: String, kilobytes: Int) throws {
        path = "\(folder)/disk"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Self.run("/bin/mount", "-t", "tmpfs", "-o", "size=\(kilobytes)k", "tmpfs", path)
    }

    /// Nobody may have a file open for writing.
    package func forbidWrites() throws {
        try Self.run("/bin/mount", "-o", "remount,ro", path)
    }

    package func remove() {
        // Lazily: somebody may have a file open still.
        try? Self.run("/bin/umount", "-l", path)
    }

    private static func run(_ program: String, _ arguments: String...) throws {
        let process = try Process.run(URL(filePath: program), arguments: arguments)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.featureUnsupported) }
    }
}
