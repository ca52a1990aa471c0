import Core
import FoundationEssentials
import Glibc
import Metrics

/// What this process takes of its machine, under the names that every Prometheus client uses.
package struct ProcessUsage: Sendable {
    package var cpuSeconds: Double
    package var residentBytes: Int
    package var virtualBytes: Int
    package var openFiles: Int
    package var mostFiles: Int
    package var threads: Int
    /// In seconds since 1970.
    package var startedAt: Double

    /// As the kernel has it now (proc_pid_stat(5)); nil where there is no `/proc`.
    package static func now() -> ProcessUsage? {
        guard let stat = contents("/proc/self/stat"), let close = stat.lastIndex(of: ")"),
            let boot = contents("/proc/stat")?.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
            let bootedAt = Double(boot.dropFirst(6))
        else { return nil }
        // The name before may hold blanks; behind it stands field 3.
        let fields = stat[close...].dropFirst().split(separator: " ")
        guard fields.count > 21 else { return nil }
        let number = { (field: Int) in Double(fields[field - 3]) ?? 0 }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        let page = Double(sysconf(Int32(_SC_PAGESIZE)))
        var limit = rlimit()
        // Safe: it fills the one value that it is given.
        _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return ProcessUsage(
            cpuSeconds: (number(14) + number(15)) / ticks, residentBytes: Int(saturating: number(24) * page),
            virtualBytes: Int(saturating: number(23)),
            openFiles: (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0,
            mostFiles: Int(clamping: limit.rlim_cur), threads: Int(saturating: number(20)),
            startedAt: bootedAt + number(22) / ticks)
    }

    private static func contents(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Records the gauges.
    package func record() {
        Gauge(label: "process_cpu_seconds_total").record(cpuSeconds)
        Gauge(label: "process_resident_memory_bytes").record(residentBytes)
        Gauge(label: "process_virtual_memory_bytes").record(virtualBytes)
        Gauge(label: "process_open_fds").record(openFiles)
        Gauge(label: "process_max_fds").record(mostFiles)
        Gauge(label: "process_threads").record(threads)
        Gauge(label: "process_start_time_seconds").record(startedAt)
    }
}
