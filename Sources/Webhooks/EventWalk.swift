import Core
import FoundationEssentials

/// How far Flatpeak's list of events was read, newest first, so that reading goes on where it stopped (upstream.md §5.3).
///
/// Pure; kept as the inbox's bookmark after each page. `starting_after` alone is used: of the other cursor the documents
/// do not say which end of what is newer it gives.
struct EventWalk: Codable, Equatable {
    /// Everything up to and including this event was read.
    private(set) var done: EventID?
    /// Nothing older is of interest: this service did not exist.
    let since: Date
    private var walk: Walk?

    private struct Walk: Codable, Equatable {
        /// The newest event when the walk began.
        var top: EventID
        /// The last one that was read.
        var below: EventID
    }

    /// Events of so many seconds before the first start are read, too.
    private static let margin: TimeInterval = 3600
    /// Flatpeak's list goes back so far.
    private static let reach: TimeInterval = 90 * 86400

    /// - Parameter now: The moment of the very first start.
    init(at now: Date) {
        since = now - Self.margin
    }

    /// Where to read on; nil for the newest.
    var cursor: EventID? { walk?.below }

    /// An event of a page, as far as it matters here.
    struct Seen {
        let id: EventID?
        let createdAt: Date?
    }

    /// Takes note of a page that is in the inbox.
    /// - Returns: Whether that was the last one.
    mutating func read(_ page: [Seen], hasMore: Bool, at now: Date) -> Bool {
        let ids = page.compactMap(\.id)
        let isOldEnough = page.contains { event in
            event.createdAt.map { $0 < max(since, now - Self.reach) } ?? false
        }
        guard let first = ids.first, let last = ids.last else {
            finish(walk?.top)
            return true
        }
        let top = walk?.top ?? first
        // The whole page was read, so what came in late beside the old mark is there, too.
        if ids.contains(where: { $0 == done }) || isOldEnough || !hasMore {
            finish(top)
            return true
        }
        walk = Walk(top: top, below: last)
        return false
    }

    private mutating func finish(_ top: EventID?) {
        done = top ?? done
        walk = nil
    }

    /// Begins at the newest again: the list does not know the place any more.
    mutating func restart() {
        walk = nil
    }
}
