import FoundationEssentials
import NIOCore

/// The threads that serve connections.
enum EventLoops {
    /// Sets one for each CPU that this process may run on; must be called before the first is used.
    ///
    /// NIO counts the CPUs of the machine or of the control group. A process that is bound to fewer, by taskset or
    /// systemd's `CPUAffinity`, would have several loops on one CPU.
    static func matchCPUs() {
        let status = FileManager.default.contents(atPath: "/proc/self/status") ?? Data()
        guard let count = allowed(by: String(decoding: status, as: UTF8.self)) else { return }
        NIOSingletons.groupLoopCountSuggestion = min(count, System.coreCount)
    }

    /// The CPUs in the mask that a process's status (proc_pid_status(5)) shows; `nil` when it shows none.
    static func allowed(by status: String) -> Int? {
        let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") }
        let count = (line ?? "").dropFirst("Cpus_allowed:".count).reduce(0) {
            $0 + ($1.hexDigitValue ?? 0).nonzeroBitCount
        }
        return count > 0 ? count : nil
    }
}
