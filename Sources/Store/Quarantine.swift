import FoundationEssentials
import Logging
import Metrics
import Synchronization

/// Rows that cannot be read or written: each is counted and logged once, and costs no other row anything.
///
/// A session or a received event that is due is set aside for ``pause`` at a time, so that a row that only another release
/// or another key can read is not lost; an event of the outbox whose seal is broken is dead, and can be replayed.
final class Quarantine: Sendable {
    /// For how long a row is set aside, in seconds.
    static let pause: TimeInterval = 3600
    /// The same for an event under a key that this node does not have, and another node may have.
    static let foreignKeyPause: TimeInterval = 300
    /// What the outbox says of an event that cannot be read.
    static let answer = "unreadable"
    /// Rows that are remembered as known, so that a damaged database does not fill memory or the log.
    private static let capacity = 1000

    private let logger: Logger
    private let known = Mutex<Set<[String]>>([])

    init(logger: Logger) {
        self.logger = logger
    }

    /// - Parameter id: The row's id; of a row without one, what it is found by.
    func add(_ table: String, _ id: String) {
        let isNew = known.withLock { known in known.count < Self.capacity && known.insert([table, id]).inserted }
        guard isNew else { return }
        Counter(label: "connect_bff_store_quarantined_total", dimensions: [("table", table)]).increment()
        logger.error(
            "a row cannot be read or written and is set aside; see docs/operate.md",
            metadata: ["bff.table": "\(table)", "bff.row": "\(id.prefix(64))"])
    }
}

extension Date {
    /// The moments that a row may hold: the years 1 to 9999.
    private static let plausible = -62_135_596_800.0...253_402_300_799.0

    /// A moment of a row.
    init(row seconds: Double) throws(SessionColumns.Unreadable) {
        guard Self.plausible.contains(seconds) else { throw SessionColumns.Unreadable() }
        self.init(timeIntervalSince1970: seconds)
    }

    var isPlausible: Bool { Self.plausible.contains(timeIntervalSince1970) }
}

/// The numbers of a row that are counted up: more is damage, and would overflow.
enum RowCount {
    static let range = 0...1_000_000_000
}
