import CPostgres

/// One statement with its values; its text is the same every time, so that each connection prepares it once.
struct PostgresStatement {
    let sql: String
    let values: [PostgresValue]

    init(_ sql: String, _ values: PostgresValue...) {
        self.init(sql, values)
    }

    init(_ sql: String, _ values: [PostgresValue]) {
        self.sql = sql
        self.values = values
    }
}

/// A value as PostgreSQL takes it; all but lists in its binary form.
enum PostgresValue {
    case text(String?)
    /// Texts of the identifier alphabet, which need no escapes in a list.
    case identifiers([String])
    /// Any texts.
    case texts([String])
    case bytes([UInt8]?)
    case double(Double?)
    case int(Int?)
    case bool(Bool)

    /// A text of Flatpeak's own choice, without the NUL that PostgreSQL takes in no text (SQLSTATE 22021).
    static func foreign(_ text: String?) -> PostgresValue {
        .text(text?.replacing("\0", with: "\u{FFFD}"))
    }

    /// Nil for NULL.
    var bytes: [UInt8]? {
        switch self {
        case .text(let text): text.map { Array($0.utf8) }
        case .identifiers(let texts): Array("{\(texts.joined(separator: ","))}".utf8)
        case .texts(let texts): Array("{\(texts.map(Self.quoted).joined(separator: ","))}".utf8)
        case .bytes(let bytes): bytes
        case .double(let number): number.map { Self.bigEndian($0.bitPattern) }
        case .int(let number): number.map { Self.bigEndian(UInt64(bitPattern: Int64($0))) }
        case .bool(let flag): [flag ? 1 : 0]
        }
    }

    /// 1 for binary.
    var format: Int32 {
        switch self {
        case .identifiers, .texts: 0
        default: 1
        }
    }

    /// A text as an element of a list (PostgreSQL documentation, section 8.15.2).
    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    private static func bigEndian(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
    }
}

/// One row of an answer, its columns by name.
struct PostgresRow {
    private let columns: [String: [UInt8]]

    /// - Parameter columns: Those that are not NULL.
    init(_ columns: [String: [UInt8]]) {
        self.columns = columns
    }

    func bytes(_ column: String) -> [UInt8]? { columns[column] }
    func text(_ column: String) -> String? { columns[column].map { String(decoding: $0, as: UTF8.self) } }
    func bool(_ column: String) -> Bool? { columns[column].map { $0 == [1] } }
    /// Of a BIGINT.
    func int(_ column: String) -> Int? {
        columns[column].map { Int(Int64(bitPattern: $0.reduce(0) { $0 << 8 | UInt64($1) })) }
    }
    func double(_ column: String) -> Double? {
        columns[column].map { Double(bitPattern: $0.reduce(0) { $0 << 8 | UInt64($1) }) }
    }
}

/// Why PostgreSQL gave no answer.
///
/// It holds no text of the server but a SQLSTATE: messages may hold values.
enum PostgresError: Error, Equatable {
    /// No answer, or no access.
    case cannotConnect(String)
    /// The connection broke.
    case lost
    /// No answer in time.
    case late
    /// The server refused; five characters say why (PostgreSQL documentation, appendix A).
    case refused(String)
    /// A connection pooler gives each transaction another connection of the server: nothing that a session keeps is kept.
    case pooled
    /// The nodes of this database seal under a key that was not given.
    case unknownKey
    /// A newer release brought its tables up to date.
    case newerSchema
    /// A row that was altered by hand, or a token that was sealed for another row or under another key.
    case unreadable(String)
    /// Too many wait for a connection, or the last ones found no server a moment ago.
    case noSlot

    /// What a server's refusal means, by its SQLSTATE.
    init(state: String) {
        switch state {
        // Shutting down, or a standby since a failover: another connection may find a better server.
        case "57P01", "57P02", "57P03", "25006": self = .lost
        // A statement that was never prepared is there, or one that was is not: the session is another one.
        case "42P05", "26000": self = .pooled
        default: self = .refused(state)
        }
    }

    /// What to do about ``pooled``.
    static let pooler =
        "a connection pooler in transaction mode stands between; connect to PostgreSQL directly or use session mode"

    /// Whether it speaks of the server and not of one connection or statement.
    var isOutage: Bool {
        switch self {
        case .cannotConnect, .late, .pooled, .unknownKey, .newerSchema: true
        case .lost, .refused, .unreadable, .noSlot: false
        }
    }

    /// Whether it speaks of the values of one row, which the server refuses while it takes others: data exceptions,
    /// integrity constraints and limits (PostgreSQL documentation, appendix A, classes 22, 23 and 54).
    var isOfRow: Bool {
        switch self {
        case .unreadable: true
        case .refused(let state): ["22", "23", "54"].contains(state.prefix(2))
        case .cannotConnect, .lost, .late, .pooled, .unknownKey, .newerSchema, .noSlot: false
        }
    }

    var why: String {
        switch self {
        case .cannotConnect(let why): "cannot connect: \(why)"
        case .lost: "the connection broke"
        case .late: "no answer in time"
        case .refused(let state): "PostgreSQL says \(state)"
        case .pooled: Self.pooler
        case .unknownKey: "its nodes seal under a key that is not in this node's BFF_STATE_KEY"
        case .newerSchema: "a newer release migrated it"
        case .unreadable(let why): "a row cannot be read: \(why)"
        case .noSlot: "no connection is free"
        }
    }
}
