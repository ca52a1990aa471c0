import FoundationEssentials
import Glibc
import SystemPackage

/// A file that decides who is trusted, or holds a credential.
///
/// It is opened once, so that the file that is checked is the file that is read. Symbolic links are followed: Kubernetes
/// mounts secrets as links to a folder that it replaces.
struct TrustedFile {
    let bytes: [UInt8]
    /// Its permissions.
    let mode: Int

    /// The largest file that is read, in bytes, unless its reader says another limit.
    static let longest = 4 << 20

    /// Why a file is not read.
    enum Unfit: Error, Equatable {
        case missing
        case unreadable
        case notRegular
        case tooLong(limit: Int)
        /// It is world-writable.
        case writable

        /// The message for the file called `name`.
        func problem(_ name: String) -> SettingsReader.Unfit {
            switch self {
            case .missing, .unreadable: .init("\(name) cannot be read")
            case .notRegular: .init("\(name) is not a regular file")
            case .tooLong(let limit): .init("\(name) is larger than \(limit >> 10) KiB")
            case .writable: .init("\(name) may be written by anybody; chmod o-w it")
            }
        }
    }

    /// - Parameter limit: The largest file that is read, in bytes.
    init(_ path: String, limit: Int = longest) throws(Unfit) {
        // Without O_NONBLOCK, opening a pipe that has no writer blocks.
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw errno == ENOENT || errno == ENOTDIR ? .missing : .unreadable }
        defer { close(descriptor) }
        guard let status = try? FileDescriptor(rawValue: descriptor).stat() else { throw .unreadable }
        guard status.type == .regular else { throw .notRegular }
        guard !status.permissions.contains(.otherWrite) else { throw .writable }
        mode = Int(status.permissions.rawValue)
        bytes = try Self.contents(of: descriptor, limit)
    }

    private static func contents(of descriptor: Int32, _ limit: Int) throws(Unfit) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = unsafe piece.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable }
            if count == 0 { return bytes }
            bytes += piece.prefix(count)
            guard bytes.count <= limit else { throw .tooLong(limit: limit) }
        }
    }
}
