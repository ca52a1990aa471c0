import Foundation
import Testing

/// A folder as the kubelet lays it out: links to `..data`, which is a link to the folder of one generation.
struct SecretVolume {
    let path: String

    init(_ path: String) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// Puts the next generation in the place of the one before.
    func publish(_ files: [String: Data], mode: Int) throws {
        let manager = FileManager.default
        let before = try? manager.destinationOfSymbolicLink(atPath: "\(path)/..data")
        let generation = "..2026_11_27_\(UUID())"
        try manager.createDirectory(atPath: "\(path)/\(generation)", withIntermediateDirectories: true)
        for (name, bytes) in files {
            try bytes.write(to: URL(filePath: "\(path)/\(generation)/\(name)"))
            try manager.setAttributes([.posixPermissions: mode], ofItemAtPath: "\(path)/\(generation)/\(name)")
            if before == nil {
                try manager.createSymbolicLink(atPath: "\(path)/\(name)", withDestinationPath: "..data/\(name)")
            }
        }
        try manager.createSymbolicLink(atPath: "\(path)/..data_tmp", withDestinationPath: generation)
        #expect(unsafe rename("\(path)/..data_tmp", "\(path)/..data") == 0)
        if let before { try manager.removeItem(atPath: "\(path)/\(before)") }
    }
}
