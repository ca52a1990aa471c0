import Core
import FoundationEssentials

/// Progress through Flatpeak's list of events, newest first, so that reading goes on where it stopped
/// (upstream.md §5.3).
///
/// Pure; kept as the inbox's bookmark after each page. No single record decides (I15): neither a wrong date, nor an
/// event that is no cursor, nor an empty page ends a walk early, skips events or makes it endless. `starting_after` alone
/// is used: of the other cursor the documents do not say which end of what is newer it gives.
struct EventBackfill: Codable, Equatable {
    /// Everything up to and including this event was read.
    private(set) var done: EventID?
    /// Nothing older is of interest: this service did not exist.
    let since: Date
    private var walk: Walk?
    /// How often the walk began again at the newest event.
    ///
    /// Optional, like the next one, since older bookmarks have none.
    private var restarts: Int?
    /// Walks in a row that came to no end.
    private var abandoned: Int?

    private struct Walk: Codable, Equatable {
        /// The newest event when the walk began.
        var top: EventID
        /// The last one that was read.
        var below: EventID
        /// Those before it, nearest first, to read on from when `below` is no cursor.
        ///
        /// Optional, like the next ones, since
        /// older bookmarks have none.
        var spare: [EventID]?
        var pages: Int?
        /// The last event of the page whose number is the last power of two: it comes again if pages come in a circle
        /// (Brent's algorithm).
        var mark: EventID?
    }

    /// Events of so many seconds before the first start are read, too.
    private static let margin: TimeInterval = 3600
    /// Flatpeak's list goes back so far.
    private static let reach: TimeInterval = 90 * 86400
    /// A clock that is further ahead is wrong.
    private static let tomorrow: TimeInterval = 86400
    /// Pages of one walk at most; of 100 events each, they are over 1000 events on each of 90 days.
    static let mostPages = 1000
    private static let mostSpares = 2
    private static let mostRestarts = 1
    /// After so many walks that came to no end, what cannot be reached is given up.
    static let mostAbandoned = 3

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

    /// What to do after a page.
    enum Step: Equatable {
        /// Ask for the page at ``EventBackfill/cursor``.
        case next
        /// All was read.
        case done
        /// The rest of the list cannot be read and is left out for good: the next walk ends where this one began.
        case passedOver
        /// The list cannot be read to its end now; the next walk begins at the newest event.
        case abandon
    }

    /// Takes note of a page that is in the inbox.
    mutating func read(_ page: [Seen], hasMore: Bool, at now: Date) -> Step {
        let ids = page.compactMap(\.id)
        guard let first = ids.first, let last = ids.last else {
            // Nothing after an event that had more after it is no end of a list.
            return walk == nil && !hasMore ? finish(nil) : refused()
        }
        let top = walk?.top ?? first
        // The whole page was read, so what came in late beside the old mark is there, too.
        if ids.contains(where: { $0 == done }) || isOld(page, at: now) || !hasMore { return finish(top) }
        if last == walk?.mark { return restart() }
        if last == walk?.below { return refused() }
        let pages = (walk?.pages ?? 0) + 1
        guard pages < Self.mostPages else { return passOver(top) }
        walk = Walk(
            top: top, below: last,
            spare: Array(ids.reversed().lazy.filter { $0 != last }.prefix(Self.mostSpares)), pages: pages,
            mark: pages & (pages - 1) == 0 ? last : walk?.mark)
        return .next
    }

    /// The list gives nothing after the cursor, or does not know it.
    mutating func refused() -> Step {
        if var walk, var spare = walk.spare, !spare.isEmpty {
            walk.below = spare.removeFirst()
            walk.spare = spare
            self.walk = walk
            return .next
        }
        return restart()
    }

    private mutating func restart() -> Step {
        let top = walk?.top
        walk = nil
        let restarts = (restarts ?? 0) + 1
        if top != nil, restarts <= Self.mostRestarts {
            self.restarts = restarts
            return .next
        }
        self.restarts = nil
        abandoned = (abandoned ?? 0) + 1
        if let top, abandoned ?? 0 >= Self.mostAbandoned { return passOver(top) }
        return .abandon
    }

    /// Whether all dates say that nothing is of interest from here on, and there is more than one that could be true.
    private func isOld(_ page: [Seen], at now: Date) -> Bool {
        let dates = page.compactMap(\.createdAt).filter { $0 < now + Self.tomorrow }
        let oldest = max(since, now - Self.reach)
        return dates.count > 1 && dates.allSatisfy { $0 < oldest }
    }

    private mutating func passOver(_ top: EventID) -> Step {
        _ = finish(top)
        return .passedOver
    }

    private mutating func finish(_ top: EventID?) -> Step {
        done = top ?? done
        walk = nil
        restarts = nil
        abandoned = nil
        return .done
    }
}
