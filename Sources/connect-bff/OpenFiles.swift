import Glibc

/// The files and sockets that this process may have open at a time.
enum OpenFiles {
    /// Raises their number as far as it may be raised, since systems start processes with as few as 1024.
    /// - Returns: The number.
    static func raiseLimit() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(.init(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if unsafe setrlimit(.init(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
