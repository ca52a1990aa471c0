import ArgumentParser
import Core
import FoundationEssentials
import Keys
import Logging
import Sessions
import Store

/// Where the service keeps what it knows, for how long, and under which keys connect tokens are sealed there.
struct StateSettings: Sendable {
    let database: Database
    /// `BFF_STATE_KEY`; nil for the key in the file beside a SQLite database.
    var keys: [[UInt8]]?
    var sessionLife: TimeInterval = 90 * 86400
    var idempotencyLife: TimeInterval = .infinity

    enum Database: Sendable, Equatable {
        case sqlite(path: String)
        case postgres(PostgresURL)
    }

    /// Reads the four settings.
    static func read(_ reader: inout SettingsReader) async -> StateSettings? {
        let database = await reader.secretValue(.databaseURL, database)
        var keys: [[UInt8]]?
        if let secrets = await reader.secrets(.stateKey) {
            keys = secrets.compactMap { $0.expose(key) }
            if keys?.count != secrets.count {
                reader.complain(
                    .stateKey,
                    "must be 32 bytes in base64, as `openssl rand -base64 32` makes them, or a comma list of such")
            }
        }
        if case .postgres(let url) = database {
            if await !reader.isSecretGiven(.stateKey) {
                reader.complain(
                    .stateKey,
                    "is required with PostgreSQL, the same on all nodes; `openssl rand -base64 32` makes one")
            }
            if url.isExposed {
                reader.warn(
                    .databaseURL,
                    "names another host without sslmode=verify-full: who stands between may read and alter")
            }
        }
        let sessionLife = await reader.value(.keepSessions, duration)
        let idempotencyLife = await reader.value(.keepIdempotency) { (text) throws(SettingsReader.Unfit) in
            text == "token" ? .infinity : try duration(text)
        }
        guard reader.problems.isEmpty, let database, let sessionLife, let idempotencyLife else { return nil }
        return StateSettings(
            database: database, keys: keys, sessionLife: sessionLife, idempotencyLife: idempotencyLife)
    }

    private static func database(_ text: String) throws(SettingsReader.Unfit) -> Database {
        if text.hasPrefix("sqlite://"), !text.hasPrefix("sqlite:///") {
            throw .init(
                "names a host, and a file has none; write one colon and the path, such as sqlite:state/connect-bff.sqlite "
                    + "or sqlite:/var/lib/connect-bff/connect-bff.sqlite")
        }
        if text.hasPrefix("sqlite:"), text.utf8.count > 7 { return .sqlite(path: String(text.dropFirst(7))) }
        guard text.hasPrefix("postgres:") || text.hasPrefix("postgresql:") else {
            throw .init("must be sqlite:PATH or postgres://USER@HOST/DATABASE")
        }
        guard let url = PostgresURL(text) else {
            throw .init(
                "is no connection URL as libpq takes it, such as postgres://USER@HOST/DATABASE?sslmode=verify-full")
        }
        return .postgres(url)
    }

    private static func key(_ text: String) -> [UInt8]? {
        guard let key = Data(base64Encoded: text), key.count == SealingKeys.keyLength else { return nil }
        return Array(key)
    }

    /// `90d`, `12h` or `30m`, in seconds.
    private static func duration(_ text: String) throws(SettingsReader.Unfit) -> TimeInterval {
        let units: [Character: Double] = ["m": 60, "h": 3600, "d": 86400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int(text.dropLast()),
            (1...100_000).contains(count)
        else { throw .init("must be a number and a unit such as 30m, 12h or 90d") }
        return Double(count) * unit
    }

    // MARK: - Opening

    /// Why the database cannot be opened, naming the setting.
    struct CannotOpen: Error {
        let code: ExitCode
        let problem: String
    }

    /// Opens the database.
    /// - Throws: An exit code, after it said why.
    func open(_ logger: Logger) async throws -> any SessionStore & Inbox & Outbox {
        do throws(CannotOpen) {
            return try await opened(logger)
        } catch {
            throw error.code.after([error.problem])
        }
    }

    /// Asks the database that the settings name, for a command beside the running service.
    /// - Throws: The exit code, once what is wrong was said.
    static func ask<Value>(
        _ config: String?, _ question: (any SessionStore & Outbox) async throws(BFFError) -> Value
    ) async throws -> Value {
        let state: StateSettings
        do throws(Settings.Invalid) {
            state = try await Settings.state(environment: ProcessInfo.processInfo.environment, file: config)
        } catch {
            throw ExitCode.badSettings.after(error.problems)
        }
        try OpenSSL.requireUsable()
        let store = try await state.open(Logger(label: "connect-bff") { StreamLogHandler.standardError(label: $0) })
        do throws(BFFError) {
            return try await question(store)
        } catch {
            throw ExitCode.cannotStart.after([
                "\(Setting.databaseURL.variable): the database cannot be used now; try again"
            ])
        }
    }

    /// The same, for whoever tells why in another place.
    func opened(_ logger: Logger) async throws(CannotOpen) -> any SessionStore & Inbox & Outbox {
        switch database {
        case .sqlite(let path): try openSQLite(path, logger)
        case .postgres(let url): try await openPostgres(url, logger)
        }
    }

    /// A PostgreSQL that is away is no reason not to start: what can be served without it is served.
    private func openPostgres(_ url: PostgresURL, _ logger: Logger) async throws(CannotOpen) -> PostgresStore {
        let store = PostgresStore(
            url: url, keys: SealingKeys(keys ?? [], randomBytes: ConnectService.randomBytes), logger: logger,
            randomBytes: ConnectService.randomBytes)
        do throws(PostgresStore.CannotOpen) {
            try await store.open()
        } catch {
            switch error {
            case .unknownKey:
                throw CannotOpen(
                    code: .badSettings,
                    problem: "\(Setting.stateKey.variable): is not the key of the other nodes of this database; "
                        + "they must all have the same")
            case .pooled:
                throw CannotOpen(
                    code: .badSettings, problem: "\(Setting.databaseURL.variable): \(PostgresStore.pooler)")
            case .away(let why):
                logger.error(
                    "the database cannot be used; it is tried again, and what needs none is served",
                    metadata: ["bff.why": "\(why)"])
            }
        }
        return store
    }

    /// Makes the database and its key when there is none.
    private func openSQLite(_ path: String, _ logger: Logger) throws(CannotOpen) -> SQLiteStore {
        do {
            if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
                try FileManager.default.createDirectory(
                    atPath: String(path[..<slash]), withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700])
            }
            let keys = SealingKeys(try keys ?? [Self.key(beside: path)], randomBytes: ConnectService.randomBytes)
            return try SQLiteStore(path: path, keys: keys, logger: logger)
        } catch let error as SettingsReader.Unfit {
            throw CannotOpen(code: .badSettings, problem: "\(Setting.stateKey.variable): \(error.why)")
        } catch SQLiteStore.CannotOpen.unknownKey {
            throw CannotOpen(
                code: .badSettings,
                problem: "\(Setting.stateKey.variable): \(path) holds tokens that were sealed under another "
                    + "key; put that key behind the new one, separated by a comma")
        } catch SQLiteStore.CannotOpen.file(let why) {
            throw CannotOpen(
                code: .cannotStart, problem: "\(Setting.databaseURL.variable): \(path) cannot be opened: \(why)")
        } catch {
            throw CannotOpen(
                code: .cannotStart, problem: "\(Setting.databaseURL.variable): \(path): its folder cannot be made")
        }
    }

    /// The key in the file beside the database; made together with a new database.
    private static func key(beside path: String) throws(SettingsReader.Unfit) -> [UInt8] {
        let file = "\(path).key"
        if !FileManager.default.fileExists(atPath: file) {
            guard !FileManager.default.fileExists(atPath: path) else {
                throw .init("is not given, and \(file), under which the database was sealed, is missing; bring it back")
            }
            let key = Data(ConnectService.randomBytes(SealingKeys.keyLength)).base64EncodedString()
            guard
                FileManager.default.createFile(
                    atPath: file, contents: Data("\(key)\n".utf8), attributes: [.posixPermissions: 0o600])
            else { throw .init("is not given, and \(file) cannot be written") }
        }
        let data = try SettingsReader.guarded(file, called: file).bytes
        guard let key = key(String(decoding: data, as: UTF8.self).filter { !$0.isWhitespace }) else {
            throw .init("\(file) holds no key")
        }
        return key
    }
}
