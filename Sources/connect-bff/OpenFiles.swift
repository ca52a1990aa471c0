import Glibc

/// The limit of open files and sockets (RLIMIT_NOFILE).
enum OpenFiles {
    /// Raises the soft limit to the hard one, since systems start processes with as few as 1024.
    /// - Returns: The limit.
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
