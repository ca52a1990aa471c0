import CPostgres
import Glibc

/// One connection of libpq in pipeline mode, for one thread at a time; it blocks, and every wait in it has an end.
@safe final class PostgresLink {
    private let connection: OpaquePointer
    /// The names of prepared statements.
    private var prepared: [String: String] = [:]

    /// What holds unless the URL says otherwise.
    ///
    /// Of several hosts each is given its own time to answer. The kernel reports a peer that vanished: 10 s of silence and three probes, or 15 s of bytes that were not taken.
    private static let defaults = [
        ("fallback_application_name", "connect-bff"), ("connect_timeout", "3"), ("keepalives_idle", "10"),
        ("keepalives_interval", "5"), ("keepalives_count", "3"), ("tcp_user_timeout", "15000"),
    ]
    /// What the server gives up by itself, so that no statement outlives our interest in it for long, and no lock of a
    /// node that vanished holds the others up.
    private static let limits = PostgresStatement(
        """
        SELECT set_config('statement_timeout', '2s', false), set_config('lock_timeout', '1s', false),
            set_config('idle_in_transaction_session_timeout', '5s', false),
            set_config('default_transaction_isolation', 'read committed', false)
        """)

    init(_ url: PostgresURL) throws(PostgresError) {
        unsafe connection = try Self.connect(Self.defaults + [("dbname", url.text), ("client_encoding", "UTF8")])
        guard unsafe PQsetnonblocking(connection, 1) == 0, unsafe PQenterPipelineMode(connection) == 1 else {
            throw .lost
        }
        _ = try run([Self.limits])
    }

    deinit { unsafe PQfinish(connection) }

    private static func connect(_ settings: [(String, String)]) throws(PostgresError) -> OpaquePointer {
        let keywords = unsafe settings.map { unsafe strdup($0.0) }
        let values = unsafe settings.map { unsafe strdup($0.1) }
        defer { unsafe (keywords + values).forEach { unsafe free($0) } }
        let names = unsafe keywords.map { unsafe UnsafePointer($0) } + [nil]
        let texts = unsafe values.map { unsafe UnsafePointer($0) } + [nil]
        guard let connection = unsafe PQconnectdbParams(names, texts, 1) else { throw .cannotConnect("no memory") }
        // libpq would print notices.
        unsafe PQsetNoticeProcessor(connection, { _, _ in }, nil)
        guard unsafe PQstatus(connection) == CONNECTION_OK else {
            let said = unsafe String(cString: PQerrorMessage(connection))
            unsafe PQfinish(connection)
            throw .cannotConnect(Self.withoutNames(said))
        }
        return unsafe connection
    }

    /// What libpq says about a connection that failed, without what stands in quotes: names of the operator's, or a part
    /// of a password that was typed wrongly.
    static func withoutNames(_ message: String) -> String {
        message.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .map { index, part in index.isMultiple(of: 2) ? String(part) : "…" }.joined()
            .split { $0.isNewline || $0 == "\t" }.joined(separator: "; ")
    }

    // MARK: - Statements

    /// Sends statements together and waits for all their answers.
    ///
    /// Without a BEGIN among them, or before, they are one transaction.
    /// - Returns: The rows of each statement.
    func run(
        _ statements: [PostgresStatement], within limit: Duration = .seconds(3)
    ) throws(PostgresError) -> [[PostgresRow]] {
        let end = ContinuousClock.now + limit
        var sent: [(sql: String, isPreparation: Bool)] = []
        var names = prepared
        for statement in statements {
            if names[statement.sql] == nil {
                let name = "s\(names.count)"
                guard unsafe PQsendPrepare(connection, name, statement.sql, 0, nil) == 1 else { throw .lost }
                names[statement.sql] = name
                sent.append((statement.sql, true))
            }
            guard send(statement, as: names[statement.sql] ?? "") else { throw .lost }
            sent.append((statement.sql, false))
        }
        guard unsafe PQpipelineSync(connection) == 1 else { throw .lost }
        try flush(by: end)

        var answers: [[PostgresRow]] = []
        var failure: PostgresError?
        for (sql, isPreparation) in sent {
            unsafe try eachResult(by: end) { (result) throws(PostgresError) in
                switch unsafe PQresultStatus(result) {
                case PGRES_COMMAND_OK where isPreparation: prepared[sql] = names[sql]
                case PGRES_COMMAND_OK, PGRES_TUPLES_OK: answers.append(unsafe Self.rows(result))
                case PGRES_PIPELINE_ABORTED: break
                default: if failure == nil { failure = unsafe try self.failure(result) }
                }
            }
        }
        guard let sync = unsafe try nextResult(by: end) else { throw .lost }
        unsafe PQclear(sync)
        if let failure { throw failure }
        return answers
    }

    private func send(_ statement: PostgresStatement, as name: String) -> Bool {
        var buffer: [UInt8] = []
        var places: [Int?] = []
        var lengths: [Int32] = []
        for value in statement.values {
            let bytes = value.bytes
            places.append(bytes == nil ? nil : buffer.count)
            lengths.append(Int32(bytes?.count ?? 0))
            // What is sent as text ends with a zero.
            buffer += (bytes ?? []) + [0]
        }
        let formats = statement.values.map(\.format)
        return unsafe buffer.withUnsafeBytes { bytes in
            let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values = unsafe places.map { place in unsafe place.flatMap { unsafe base?.advanced(by: $0) } }
            return unsafe PQsendQueryPrepared(
                connection, name, Int32(values.count), values, lengths, formats, 1) == 1
        }
    }

    /// The results of one command, up to the one that ends it.
    private func eachResult(
        by end: ContinuousClock.Instant, _ body: (OpaquePointer) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        while let result = unsafe try nextResult(by: end) {
            defer { unsafe PQclear(result) }
            unsafe try body(result)
        }
    }

    private func nextResult(by end: ContinuousClock.Instant) throws(PostgresError) -> OpaquePointer? {
        while unsafe PQisBusy(connection) == 1 {
            _ = try wait(for: POLLIN, by: end)
            guard unsafe PQconsumeInput(connection) == 1 else { throw .lost }
        }
        return unsafe PQgetResult(connection)
    }

    private func failure(_ result: OpaquePointer) throws(PostgresError) -> PostgresError {
        guard unsafe PQstatus(connection) == CONNECTION_OK,
            let state = unsafe PQresultErrorField(result, Int32(UInt8(ascii: "C")))
        else { throw .lost }
        return unsafe PostgresError(state: String(cString: state))
    }

    private static func rows(_ result: OpaquePointer) -> [PostgresRow] {
        let names = unsafe (0..<PQnfields(result)).map { unsafe String(cString: PQfname(result, $0)) }
        return unsafe (0..<PQntuples(result)).map { row in
            var columns: [String: [UInt8]] = [:]
            for (name, column) in zip(names, Int32(0)...) where unsafe PQgetisnull(result, row, column) == 0 {
                let bytes = unsafe UnsafeRawBufferPointer(
                    start: PQgetvalue(result, row, column), count: Int(PQgetlength(result, row, column)))
                columns[name] = unsafe Array(bytes)
            }
            return PostgresRow(columns)
        }
    }

    // MARK: - The socket

    private func flush(by end: ContinuousClock.Instant) throws(PostgresError) {
        while true {
            switch unsafe PQflush(connection) {
            case 0: return
            case 1:
                // A server that waits for us to read reads nothing.
                if try wait(for: POLLIN | POLLOUT, by: end) & POLLIN != 0 {
                    guard unsafe PQconsumeInput(connection) == 1 else { throw .lost }
                }
            default: throw .lost
            }
        }
    }

    /// - Returns: What the socket is ready for.
    private func wait(for events: Int32, by end: ContinuousClock.Instant) throws(PostgresError) -> Int32 {
        let ready = poll(for: events, atMost: ContinuousClock.now.duration(to: end))
        guard ready != 0 else { throw .late }
        return ready
    }

    private func poll(for events: Int32, atMost wait: Duration) -> Int32 {
        var socket = pollfd(fd: unsafe PQsocket(connection), events: Int16(events), revents: 0)
        let milliseconds = max(0, wait.components.seconds * 1000 + wait.components.attoseconds / 1_000_000_000_000_000)
        let count = unsafe Glibc.poll(&socket, 1, Int32(clamping: milliseconds))
        // An interrupted wait is a short one.
        return count == 0 ? 0 : count < 0 ? events : Int32(socket.revents)
    }

    /// Whether the other end is there, as far as the kernel knows.
    var isAlive: Bool {
        while poll(for: POLLIN, atMost: .zero) != 0 {
            guard unsafe PQconsumeInput(connection) == 1 else { return false }
        }
        return unsafe PQstatus(connection) == CONNECTION_OK
    }

    /// Whether a transaction was begun and not ended.
    var isInTransaction: Bool { unsafe PQtransactionStatus(connection) != PQTRANS_IDLE }

    /// What was notified; waits for some a moment.
    func notifications(within wait: Duration) throws(PostgresError) -> [String] {
        if poll(for: POLLIN, atMost: wait) != 0 {
            guard unsafe PQconsumeInput(connection) == 1 else { throw .lost }
        }
        var payloads: [String] = []
        while let notification = unsafe PQnotifies(connection) {
            payloads.append(unsafe String(cString: notification.pointee.extra))
            unsafe PQfreemem(notification)
        }
        return payloads
    }
}
