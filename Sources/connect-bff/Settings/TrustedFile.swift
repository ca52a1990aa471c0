import FoundationEssentials
import Glibc
import SystemPackage

/// A file that decides who is believed, or holds a credential.
///
/// It is opened once, and what is checked is what is read. Symbolic links are followed: Kubernetes mounts secrets as
/// links to a folder that it replaces.
struct TrustedFile {
    let bytes: [UInt8]
    /// Its permissions.
    let mode: Int

    /// The largest file that is read, in bytes.
    private static let longest = 4 << 20

    /// Why a file is not read.
    enum Unfit: Error, Equatable {
        case missing
        case unreadable
        case notRegular
        case tooLong
        /// Its permissions let everybody change it.
        case writable

        /// What to do about the file that `name` stands for.
        func problem(_ name: String) -> SettingsReader.Unfit {
            switch self {
            case .missing, .unreadable: .init("\(name) cannot be read")
            case .notRegular: .init("\(name) is not a regular file")
            case .tooLong: .init("\(name) is larger than 4 MiB")
            case .writable: .init("\(name) may be written by anybody; chmod o-w it")
            }
        }
    }

    init(_ path: String) throws(Unfit) {
        // Without O_NONBLOCK the open of a pipe that nothing writes to would never return.
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw errno == ENOENT || errno == ENOTDIR ? .missing : .unreadable }
        defer { close(descriptor) }
        guard let status = try? FileDescriptor(rawValue: descriptor).stat() else { throw .unreadable }
        guard status.type == .regular else { throw .notRegular }
        guard !status.permissions.contains(.otherWrite) else { throw .writable }
        mode = Int(status.permissions.rawValue)
        bytes = try Self.contents(of: descriptor)
    }

    private static func contents(of descriptor: Int32) throws(Unfit) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = unsafe piece.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable }
            if count == 0 { return bytes }
            bytes += piece.prefix(count)
            guard bytes.count <= longest else { throw .tooLong }
        }
    }
}

/// A keys file over its readings: taking the keys away revokes them (I14).
///
/// A file that holds text without a key revokes at once; that is for the reader of the text to see. Editors truncate a
/// file before they write it, so one that is missing or has no bytes revokes at the second reading in a row, or at the
/// first one that an operator asks for with SIGHUP. A file that cannot be read keeps what was read before.
struct RevocableFile {
    private var last: [UInt8]
    private var wasGone = false
    private var isAsked = false

    /// - Parameter first: What the file held at the start.
    init(_ first: [UInt8]) {
        last = first
    }

    /// An operator says that the file was changed.
    mutating func hangUp() {
        isAsked = true
    }

    /// What is in force after a reading; no bytes revoke all keys.
    ///
    /// Nil when the file cannot be read.
    mutating func contents(_ reading: Result<[UInt8], TrustedFile.Unfit>) -> [UInt8]? {
        defer { isAsked = false }
        switch reading {
        case .success(let bytes) where !bytes.isEmpty:
            wasGone = false
            last = bytes
        case .success, .failure(.missing):
            if wasGone || isAsked { last = [] }
            wasGone = true
        case .failure:
            wasGone = false
            return nil
        }
        return last
    }
}
