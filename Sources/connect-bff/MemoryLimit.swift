import FoundationEssentials
import Glibc

/// The memory that this process may use: the limit of its control group, else the machine's memory.
enum MemoryLimit {
    static func bytes() -> Int {
        let own = FileManager.default.contents(atPath: "/proc/self/cgroup").map { String(decoding: $0, as: UTF8.self) }
        // Version 2 has one line, `0::/path`; inside of a container the path is the root.
        let path = own?.split(separator: "\n").first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) } ?? "/"
        let files = [
            "/sys/fs/cgroup\(path)/memory.max", "/sys/fs/cgroup/memory.max",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ]
        return files.compactMap(limit).reduce(machine, min)
    }

    /// `nil` when there is no limit, which version 2 spells `max`.
    private static func limit(_ file: String) -> Int? {
        FileManager.default.contents(atPath: file).flatMap { data in
            Int(String(decoding: data, as: UTF8.self).prefix { $0.isNumber })
        }
    }

    private static var machine: Int {
        let pages = sysconf(Int32(_SC_PHYS_PAGES)), size = sysconf(Int32(_SC_PAGESIZE))
        return pages > 0 && size > 0 ? pages.multipliedReportingOverflow(by: size).partialValue : 1 << 30
    }

    /// Client connections that fit: half of the memory, at 24 KiB each (RESULTS.md: an idle one takes 14).
    static func connections(in bytes: Int) -> Int { max(256, bytes / 2 / (24 << 10)) }
}
