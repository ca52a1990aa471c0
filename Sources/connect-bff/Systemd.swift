import Glibc

/// The service manager that started this process, if one did.
enum Systemd {
    /// How many listening sockets it passed on (sd_listen_fds(3)).
    static func passedSockets(_ environment: [String: String]) -> Int {
        guard environment["LISTEN_PID"] == String(getpid()) else { return 0 }
        return environment["LISTEN_FDS"].flatMap { UInt8($0) }.map(Int.init) ?? 0
    }

    /// Notifies it of the state of the process (sd_notify(3)).
    /// - Parameter address: A path, or the name of an abstract socket after `@`; `$NOTIFY_SOCKET`.
    static func notify(_ state: String, at address: String?) {
        guard let address, let first = address.first, first == "/" || first == "@" else { return }
        var name = Array(address.utf8)
        if first == "@" { name[0] = 0 }
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        guard name.count < MemoryLayout.size(ofValue: target.sun_path) else { return }
        unsafe withUnsafeMutableBytes(of: &target.sun_path) { unsafe $0.copyBytes(from: name) }
        // The length says where an abstract name ends.
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)

        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let message = Array(state.utf8)
        // A service manager that does not listen is not an error.
        _ = unsafe withUnsafePointer(to: target) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe message.withUnsafeBytes { bytes in
                    unsafe sendto(
                        descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL), pointer, length)
                }
            }
        }
    }
}
