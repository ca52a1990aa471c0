import ArgumentParser
import Core
import FoundationEssentials
import Keys
import Logging
import Sessions
import Store

/// The database, and the keys under which connect tokens are sealed in it.
struct StoreSettings: Sendable {
    let database: Database
    /// `BFF_STATE_KEY`; `nil` for the key in the file beside a SQLite database.
    var keys: [[UInt8]]?

    enum Database: Sendable, Equatable {
        case sqlite(path: String)
        case postgres(PostgresURL)
    }

    /// Reads the two settings.
    static func read(_ reader: inout SettingsReader) async -> StoreSettings? {
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
                    "names another host without sslmode=verify-full: the network in between can read and alter")
            }
        }
        guard let database else { return nil }
        return StoreSettings(database: database, keys: keys)
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

    /// A short name of the key that seals, for operators.
    static func fingerprint(of keys: [[UInt8]]) -> String? {
        keys.first.map { Digest.fingerprint(Data($0).base64EncodedString()) }
    }

    // MARK: - Opening

    /// Why the database cannot be opened, naming the setting.
    struct CannotOpen: Error {
        let code: ExitCode
        let problem: String
    }

    /// Opens the database.
    /// - Throws: An exit code, once standard error has the reason.
    func open(_ logger: Logger) async throws -> any ServiceStore {
        do throws(CannotOpen) {
            return try await opened(logger)
        } catch {
            throw error.code.after([error.problem])
        }
    }

    /// Queries the database that the settings name, for a command beside the running service.
    /// - Throws: An exit code, once standard error has the reason.
    static func query<Value>(
        _ config: String?, _ query: (any ServiceStore) async throws(BFFError) -> Value
    ) async throws -> Value {
        let source = SettingsSource(environment: ProcessInfo.processInfo.environment, file: config)
        let settings: StoreSettings
        do throws(Settings.Invalid) {
            settings = try await source.read(read)
        } catch {
            throw ExitCode.badSettings.after(error.problems)
        }
        try OpenSSL.requireUsable()
        let store = try await settings.open(Logger(label: "connect-bff") { StreamLogHandler.standardError(label: $0) })
        do throws(BFFError) {
            return try await query(store)
        } catch {
            throw ExitCode.cannotStart.after([
                "\(Setting.databaseURL.variable): the database cannot be used now; try again"
            ])
        }
    }

    /// Opens the database, for callers that report the reason themselves.
    func opened(_ logger: Logger) async throws(CannotOpen) -> any ServiceStore {
        switch database {
        case .sqlite(let path): try openSQLite(path, logger)
        case .postgres(let url): try await openPostgres(url, logger)
        }
    }

    /// A PostgreSQL that is away does not keep the service from starting: it serves what it can without one.
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
            case .newerSchema:
                throw CannotOpen(code: .badSettings, problem: Self.newerSchema("the database"))
            case .pooled:
                throw CannotOpen(
                    code: .badSettings, problem: "\(Setting.databaseURL.variable): \(PostgresStore.pooler)")
            case .away(let why):
                logger.error(
                    "the database cannot be used; the service retries, and serves what needs no database",
                    metadata: ["bff.why": "\(why)"])
            }
        }
        return store
    }

    /// Creates the database and its key when there is none.
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
        } catch SQLiteStore.CannotOpen.newerSchema {
            throw CannotOpen(code: .badSettings, problem: Self.newerSchema(path))
        } catch SQLiteStore.CannotOpen.file(let why) {
            throw CannotOpen(
                code: .cannotStart, problem: "\(Setting.databaseURL.variable): \(path) cannot be opened: \(why)")
        } catch {
            throw CannotOpen(
                code: .cannotStart, problem: "\(Setting.databaseURL.variable): \(path): its folder cannot be made")
        }
    }

    private static func newerSchema(_ database: String) -> String {
        "\(Setting.databaseURL.variable): \(database) was migrated by a newer release than \(ProductVersion.current); "
            + "start that release again, or restore the backup that was made before the upgrade"
    }

    /// The key in the file beside the database; created together with a new database.
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
