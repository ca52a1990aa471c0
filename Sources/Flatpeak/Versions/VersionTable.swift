import Core
import FoundationEssentials
import Networking

/// Everything in which the API versions differ; nothing else asks for a version (`scripts/check-modules`).
///
/// There are no defaults: what a version has in common with another one is said in both.
///
/// A call with several spellings is tried in their order, where Flatpeak answers that there is no such route.
protocol VersionTable {
    /// Whether the documents of the version are incomplete, or disagree about what is said here.
    static var isPreview: Bool { get }

    // MARK: - Login (upstream.md §1)

    static var login: [UpstreamCall] { get }
    static func login(from answer: HTTPAnswer, at now: Date) throws(BFFError) -> LoginReply

    // MARK: - Sessions (upstream.md §2, §3)

    /// Whether a session needs a location that exists; else it makes its own.
    static var needsLocation: Bool { get }
    /// Whether a mint can say what is to be done with the tariff of an existing location.
    static var hasActions: Bool { get }
    /// - Throws: `invalidField` when the version has no way to say it.
    static func mint(_ order: MintOrder) throws(BFFError) -> [UpstreamCall]
    static func minted(from answer: HTTPAnswer, at now: Date) throws(BFFError) -> MintedToken
    static func claim(_ token: ConnectToken) -> [UpstreamCall]
    static func claim(from answer: HTTPAnswer) throws(BFFError) -> Claim
    /// The pages of Connect that decide something.
    static var pages: ConnectPages { get }

    // MARK: - Reads (upstream.md §6.1 to §6.3)

    static func tariffs(_ query: TariffQuery) -> [UpstreamCall]
    static func status(of location: LocationID) -> UpstreamCall
    static func status(from answer: HTTPAnswer) throws(BFFError) -> LocationStatus
    /// The location as clients may read it.
    static func location(from answer: HTTPAnswer) throws(BFFError) -> [UInt8]
    static func prices(_ query: PriceQuery) throws(BFFError) -> [UpstreamCall]
    /// Whether Flatpeak says in words alone, without a code, that a tariff is being connected.
    static var isPendingInWords: Bool { get }

    // MARK: - Schedules and costs (upstream.md §6.6, §6.7)

    static func schedule(_ query: ScheduleQuery) throws(BFFError) -> [UpstreamCall]
    static func schedule(_ order: AmountOrder) throws(BFFError) -> [UpstreamCall]
    /// The longest window of a schedule, in days.
    static var longestScheduleDays: Int { get }
    static func cost(of record: MeterRecord) throws(BFFError) -> UpstreamCall
    static func costs(_ query: CostQuery) throws(BFFError) -> UpstreamCall

    // MARK: - Meters and devices (upstream.md §6.8, §6.9)

    static func body(of record: MeterRecord) throws(BFFError) -> [UInt8]
    /// Everything but the readings.
    static func head(of readings: MeterReadings) throws(BFFError) -> [UInt8]
    /// - Throws: `invalidField` when the version has no way to say it.
    static func body(of order: DeviceOrder) throws(BFFError) -> [UInt8]
}
