import Core
import Flatpeak
import FoundationEssentials
import Keys
import Sessions

/// A session as both engines keep it: moments in seconds since 1970, the token sealed, the facts as JSON.
struct SessionColumns {
    let id: String
    let subject: String
    let token: [UInt8]
    let direction: String
    let type: String
    let mintedLocation: String?
    let mintedAction: String?
    let returnURL: String?
    let liveMode: Bool
    let needsConfirmation: Bool
    let createdAt: Double
    let expiresAt: Double
    let facts: String
}

extension SessionColumns {
    /// A row that cannot be read or written: its seal or its facts are damaged, a newer release wrote what this one does
    /// not know, or it was changed by hand.
    struct Unreadable: Error {}

    init(_ session: ConnectSession, _ keys: SealingKeys) throws(Unreadable) {
        self.init(
            id: session.id.text, subject: session.subject.text,
            token: keys.seal(session.connectToken.exposed.utf8, context: session.id.text.utf8),
            direction: session.slot.direction.rawValue, type: session.slot.type.rawValue,
            mintedLocation: session.mintedLocation?.text, mintedAction: session.mintedAction?.rawValue,
            returnURL: session.returnURL, liveMode: session.liveMode, needsConfirmation: session.needsConfirmation,
            createdAt: session.createdAt.timeIntervalSince1970, expiresAt: session.expiresAt.timeIntervalSince1970,
            facts: try session.facts.json)
    }

    func session(_ keys: SealingKeys) throws(Unreadable) -> ConnectSession {
        guard let opened = keys.open(token, context: id.utf8),
            let connectToken = ConnectToken(String(decoding: opened, as: UTF8.self)), let sessionID = SessionID(id),
            let subject = Subject(subject), let direction = TariffDirection(rawValue: direction),
            let type = TariffType(rawValue: type)
        else { throw Unreadable() }
        var session = ConnectSession(
            id: sessionID, subject: subject, connectToken: connectToken,
            slot: TariffSlot(direction: direction, type: type),
            mintedLocation: mintedLocation.flatMap { LocationID($0) },
            mintedAction: mintedAction.flatMap { TariffAction(rawValue: $0) }, returnURL: returnURL,
            liveMode: liveMode, needsConfirmation: needsConfirmation, createdAt: try Date(row: createdAt),
            expiresAt: try Date(row: expiresAt))
        session.facts = try SessionFacts(json: facts)
        return session
    }

    /// What a token is found by.
    static func digest(_ token: ConnectToken) -> [UInt8] { Digest.sha256(token.exposed.utf8) }
}

extension SessionHolder {
    /// Reads the column `holder`; `nil` for NULL.
    init?(column: [UInt8]?) throws(SessionColumns.Unreadable) {
        guard let column else { return nil }
        guard let holder = SessionHolder(digest: column) else { throw SessionColumns.Unreadable() }
        self = holder
    }
}

extension Confirmation {
    /// Reads the column `codes`; `nil` for NULL.
    init(column: String?) throws(SessionColumns.Unreadable) {
        self.init()
        guard let column else { return }
        guard let read = try? JSONDecoder().decode(Confirmation.self, from: Data(column.utf8)),
            read.isPlausible(\.isPlausible)
        else { throw SessionColumns.Unreadable() }
        self = read
    }

    var json: String {
        get throws(SessionColumns.Unreadable) {
            do {
                return String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
            } catch {
                throw SessionColumns.Unreadable()
            }
        }
    }
}

extension SessionFacts {
    init(json: String) throws(SessionColumns.Unreadable) {
        do {
            self = try JSONDecoder().decode(SessionFacts.self, from: Data(json.utf8))
        } catch {
            throw SessionColumns.Unreadable()
        }
        let instants = [
            stayedAt, leftAt, notFinishedAt, goneAt, queriedAt, completedAt, answeredAt, settledAt, providerAt,
            summaryAt, replacedAt, confirmedAt, foreignAt, located?.since, status?.at,
        ]
        guard instants.allSatisfy({ $0?.isPlausible ?? true }) else { throw SessionColumns.Unreadable() }
    }

    var json: String {
        get throws(SessionColumns.Unreadable) { try self == .none ? Self.noneJSON.get() : encoded }
    }

    /// Those of a session that was just minted, each of which is written as it is.
    private static let none = SessionFacts()
    private static let noneJSON = Result { () throws(SessionColumns.Unreadable) in try none.encoded }

    private var encoded: String {
        get throws(SessionColumns.Unreadable) {
            do {
                return String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
            } catch {
                throw SessionColumns.Unreadable()
            }
        }
    }
}
