import ArgumentParser
import Core
import FoundationEssentials
import Keys
import Logging
import Store

/// Where the service keeps what it knows, for how long, and under which keys connect tokens are sealed there.
struct StateSettings: Sendable {
    let databasePath: String
    /// `BFF_STATE_KEY`; nil for the key in the file beside the database.
    var keys: [[UInt8]]?
    var sessionLife: TimeInterval = 90 * 86400
    var idempotencyLife: TimeInterval = .infinity

    /// Reads the four settings.
    static func read(_ reader: inout SettingsReader) async -> StateSettings? {
        let path = await reader.value(.databaseURL, path)
        var keys: [[UInt8]]?
        if let secrets = await reader.secrets(.stateKey) {
            keys = secrets.compactMap { $0.expose(key) }
            if keys?.count != secrets.count {
                reader.complain(
                    .stateKey,
                    "must be 32 bytes in base64, as `openssl rand -base64 32` makes them, or a comma list of such")
            }
        }
        let sessionLife = await reader.value(.keepSessions, duration)
        let idempotencyLife = await reader.value(.keepIdempotency) { (text) throws(SettingsReader.Unfit) in
            text == "token" ? .infinity : try duration(text)
        }
        guard reader.problems.isEmpty, let path, let sessionLife, let idempotencyLife else { return nil }
        return StateSettings(
            databasePath: path, keys: keys, sessionLife: sessionLife, idempotencyLife: idempotencyLife)
    }

    private static func path(_ text: String) throws(SettingsReader.Unfit) -> String {
        guard text.hasPrefix("sqlite:"), text.utf8.count > 7 else { throw .init("must be sqlite:PATH") }
        return String(text.dropFirst(7))
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

    /// Opens the database, and makes it and its key when there is none.
    /// - Throws: An exit code, after it said why.
    func open(_ logger: Logger) throws -> SQLiteStore {
        do throws(CannotOpen) {
            return try opened(logger)
        } catch {
            throw error.code.after([error.problem])
        }
    }

    /// The same, for whoever tells why in another place.
    func opened(_ logger: Logger) throws(CannotOpen) -> SQLiteStore {
        do {
            if let slash = databasePath.lastIndex(of: "/"), slash > databasePath.startIndex {
                try FileManager.default.createDirectory(
                    atPath: String(databasePath[..<slash]), withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700])
            }
            let keys = SealingKeys(try keys ?? [keyBesideDatabase()], randomBytes: ConnectService.randomBytes)
            return try SQLiteStore(path: databasePath, keys: keys, logger: logger)
        } catch let error as SettingsReader.Unfit {
            throw CannotOpen(code: .badSettings, problem: "\(Setting.stateKey.variable): \(error.why)")
        } catch SQLiteStore.CannotOpen.unknownKey {
            throw CannotOpen(
                code: .badSettings,
                problem: "\(Setting.stateKey.variable): \(databasePath) holds tokens that were sealed under another "
                    + "key; put that key behind the new one, separated by a comma")
        } catch SQLiteStore.CannotOpen.file(let why) {
            throw CannotOpen(
                code: .cannotStart,
                problem: "\(Setting.databaseURL.variable): \(databasePath) cannot be opened: \(why)")
        } catch {
            throw CannotOpen(
                code: .cannotStart,
                problem: "\(Setting.databaseURL.variable): \(databasePath): its folder cannot be made")
        }
    }

    /// The key in the file beside the database; made together with a new database.
    private func keyBesideDatabase() throws(SettingsReader.Unfit) -> [UInt8] {
        let file = "\(databasePath).key"
        if !FileManager.default.fileExists(atPath: file) {
            guard !FileManager.default.fileExists(atPath: databasePath) else {
                throw .init("is not given, and \(file), under which the database was sealed, is missing; bring it back")
            }
            let key = Data(ConnectService.randomBytes(SealingKeys.keyLength)).base64EncodedString()
            guard
                FileManager.default.createFile(
                    atPath: file, contents: Data("\(key)\n".utf8), attributes: [.posixPermissions: 0o600])
            else { throw .init("is not given, and \(file) cannot be written") }
        }
        let (data, _) = try SettingsReader.guarded(file, called: file)
        guard let key = Self.key(String(decoding: data, as: UTF8.self).filter { !$0.isWhitespace }) else {
            throw .init("\(file) holds no key")
        }
        return key
    }
}
