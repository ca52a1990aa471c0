import Core
import Flatpeak
import Foundation
import GRDB
import Keys
import Logging
import Sessions
import TestSupport
import Testing

@testable import Store

/// What only a file can do: be sealed, be old, be damaged, be taken away.
@Suite struct SQLiteStoreTests {
    let folder = TemporaryFolder()
    let alice = Subject("alice")!
    let start = Date(timeIntervalSince1970: 1_700_000_000)
    static let otherKey = [UInt8](repeating: 8, count: 32)

    private func session(_ number: UInt8) throws -> ConnectSession {
        try .sample(number, of: alice, createdAt: start)
    }

    private func kept(_ store: SQLiteStore, _ numbers: UInt8...) async throws {
        _ = try await store.save(try numbers.map { SessionWrite(try session($0), isNew: true) }, at: start)
    }

    /// Every byte of the database and its side files.
    private func bytesOnDisk() throws -> Data {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().reduce(into: Data()) { data, name in
            data += try Data(contentsOf: URL(filePath: "\(folder.path)/\(name)"))
        }
    }

    // MARK: - Sealing

    @Test func `no token stands in the file, and only its owner may read that`() async throws {
        let store = try SQLiteStore.temporary(in: folder)
        let token = "cot_thisOneIsEasyToFind"
        let session = ConnectSession(
            id: SessionID(prefix: "cs", random: Array(repeating: 1, count: 12)), subject: alice,
            connectToken: try #require(ConnectToken(token)),
            slot: TariffSlot(direction: .importing, type: .commodity), mintedLocation: nil, mintedAction: nil,
            returnURL: nil, liveMode: false, createdAt: start, expiresAt: start + 60)
        let key = MintKey(
            try #require(IdempotencyKey("k")),
            IdempotentMint(
                body: [1], startedAt: start,
                answer: .init(session: session.id, connectURL: "https://web.example", expiresAt: start + 60)))
        _ = try await store.save([SessionWrite(session, isNew: true, key: key)], at: start)
        let bytes = try bytesOnDisk()
        #expect(bytes.range(of: Data(session.id.text.utf8)) != nil, "the scan would find what is there")
        #expect(bytes.range(of: Data(token.utf8)) == nil)
        #expect(bytes.range(of: Data(SQLiteStore.key)) == nil)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(name)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
    }

    @Test func `a wrong key is reported at the start, not at the first token`() async throws {
        try await kept(try .temporary(in: folder), 1)
        #expect(throws: SQLiteStore.CannotOpen.unknownKey) {
            try SQLiteStore.temporary(in: folder, keys: [Self.otherKey])
        }
        #expect(try await SQLiteStore.temporary(in: folder).session(try session(1).id) != nil)
    }

    @Test func `a key is replaced in two restarts: both for one, then the new one alone`() async throws {
        try await kept(try .temporary(in: folder), 1)
        let both = try SQLiteStore.temporary(in: folder, keys: [Self.otherKey, SQLiteStore.key])
        try await kept(both, 2)
        let new = try SQLiteStore.temporary(in: folder, keys: [Self.otherKey])
        for number in [UInt8(1), 2] {
            #expect(try await new.session(try session(number).id)?.connectToken == (try session(number)).connectToken)
        }
        #expect(throws: SQLiteStore.CannotOpen.unknownKey) { try SQLiteStore.temporary(in: folder) }
    }

    @Test func `a key is replaced without a restart: what was sealed before opens at once, and then under the new one`()
        async throws
    {
        let store = try SQLiteStore.temporary(in: folder)
        try await kept(store, 1)
        try await store.adopt(stateKeys: [Self.otherKey])
        try await kept(store, 2)
        let new = try SQLiteStore.temporary(in: folder, keys: [Self.otherKey])
        for number in [UInt8(1), 2] {
            #expect(try await store.session(try session(number).id)?.connectToken == (try session(number)).connectToken)
            #expect(try await new.session(try session(number).id)?.connectToken == (try session(number)).connectToken)
        }
    }

    // MARK: - Restarts

    @Test("a key and its answer outlive the process (S16)")
    func S16() async throws {
        let key = try #require(IdempotencyKey("k"))
        let mint = IdempotentMint(
            body: [1], startedAt: start,
            answer: .init(session: try session(1).id, connectURL: "a://b", expiresAt: start + 600))
        let first = try SQLiteStore.temporary(in: folder)
        _ = try await first.save([SessionWrite(try session(1), isNew: true, key: MintKey(key, mint))], at: start)
        let second = try SQLiteStore.temporary(in: folder)
        let other = IdempotentMint(body: [1], startedAt: start + 1)
        #expect(try await second.begin(other, as: key, of: alice, at: start + 1) == mint)
    }

    @Test func `a write is on the disk when it is over`() async throws {
        try await kept(try .temporary(in: folder), 1)
        let queue = try DatabaseQueue(path: "\(folder.path)/store.sqlite")
        #expect(try await queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM session") } == 1)
        // FULL is 2: the default of WAL would give the last writes up in a power cut.
        let store = try SQLiteStore.temporary(in: folder)
        #expect(try await store.database().write { try Int.fetchOne($0, sql: "PRAGMA synchronous") } == 2)
        #expect(try await queue.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
    }

    // MARK: - R23

    @Test("a file that another process has locked is no answer, soon, and works again afterwards (R23)")
    func R23locked() async throws {
        let store = try SQLiteStore.temporary(in: folder)
        try await kept(store, 1)
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(path: "\(folder.path)/store.sqlite", configuration: configuration)
        try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
        let took = await ContinuousClock().measure {
            await #expect(throws: BFFError.storeUnavailable) { try await kept(store, 2) }
        }
        #expect(took < .seconds(5))
        #expect(try await store.session(try session(1).id) != nil, "reads go on")
        try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        try await kept(store, 2)
        #expect(try await store.session(try session(2).id) != nil)
    }

    @Test("a file that was taken away is waited for; another one in its place is not written to (R23)")
    func R23replaced() async throws {
        let path = "\(folder.path)/store.sqlite"
        let store = try SQLiteStore.temporary(in: folder)
        try await kept(store, 1)
        try FileManager.default.moveItem(atPath: path, toPath: "\(path).away")
        await #expect(throws: BFFError.storeUnavailable) { try await kept(store, 2) }
        await #expect(throws: BFFError.storeUnavailable) { _ = try await store.session(try session(1).id) }
        #expect(!FileManager.default.fileExists(atPath: path), "an empty one would look like a loss of everything")
        let rubbish = Data(repeating: 0x5A, count: 64 << 10)
        try rubbish.write(to: URL(filePath: path))
        await #expect(throws: BFFError.storeUnavailable) { try await kept(store, 2) }
        #expect(try Data(contentsOf: URL(filePath: path)) == rubbish)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: "\(path).away", toPath: path)
        try await kept(store, 2)
        for number in [UInt8(1), 2] { #expect(try await store.session(try session(number).id) != nil) }
    }

    @Test("what is no database, or not ours to write, is no start (R23)", arguments: ["rubbish", "folder", "nothing"])
    func R23start(kind: String) throws {
        let path = "\(folder.path)/store.sqlite"
        switch kind {
        case "rubbish": try Data(repeating: 0x5A, count: 64 << 10).write(to: URL(filePath: path))
        case "folder": try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        default: try FileManager.default.removeItem(atPath: folder.path)
        }
        #expect {
            try SQLiteStore.temporary(in: folder)
        } throws: { error in
            if case SQLiteStore.CannotOpen.file(let why) = error { !why.isEmpty } else { false }
        }
    }

    @Test("what may only be read is no start (R23)", .enabled(if: SmallDisk.isPossible))
    func R23readOnly() async throws {
        let disk = try SmallDisk(in: folder.path, kilobytes: 4096)
        defer { disk.remove() }
        let open = { () throws(SQLiteStore.CannotOpen) in
            try SQLiteStore(
                path: "\(disk.path)/store.sqlite",
                keys: SealingKeys([SQLiteStore.key]) { Array(repeating: 1, count: $0) },
                logger: .silent)
        }
        do { try await kept(try open(), 1) }
        try disk.forbidWrites()
        #expect {
            try open()
        } throws: { error in
            if case SQLiteStore.CannotOpen.file = error { true } else { false }
        }
    }

    @Test("a full disk takes no write and loses none that it took (R23)", .enabled(if: SmallDisk.isPossible))
    func R23full() async throws {
        let disk = try SmallDisk(in: folder.path, kilobytes: 512)
        defer { disk.remove() }
        let store = try SQLiteStore(
            path: "\(disk.path)/store.sqlite", keys: SealingKeys([SQLiteStore.key]) { Array(repeating: 1, count: $0) },
            logger: .silent)
        var taken: [SessionID] = []
        await #expect(throws: BFFError.storeUnavailable) {
            for number in 0..<5000 {
                var random = SystemRandomNumberGenerator()
                let id = SessionID(
                    prefix: "cs", random: (0..<12).map { _ in UInt8.random(in: 0...255, using: &random) })
                let session = ConnectSession(
                    id: id, subject: alice, connectToken: try #require(ConnectToken("cot_\(number)")),
                    slot: TariffSlot(direction: .importing, type: .commodity), mintedLocation: nil, mintedAction: nil,
                    returnURL: nil, liveMode: false, createdAt: start, expiresAt: start + 60)
                _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
                taken.append(id)
            }
        }
        #expect(!taken.isEmpty)
        for id in taken { #expect(try await store.session(id) != nil) }
    }
}
