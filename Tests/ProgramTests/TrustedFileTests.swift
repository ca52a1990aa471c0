import Foundation
import Testing

@testable import connect_bff

/// Files that decide who is trusted.
@Suite struct TrustedFileTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "bff-trust-\(UUID())").path

    init() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func remove() { try? FileManager.default.removeItem(atPath: folder) }

    private func write(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        let path = "\(folder)/\(name)"
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    private func flaw(_ path: String) -> TrustedFile.Unfit? {
        do throws(TrustedFile.Unfit) {
            _ = try TrustedFile(path)
            return nil
        } catch {
            return error
        }
    }

    @Test("refuses a world-writable file, also through a link (I17)") func writable() throws {
        defer { remove() }
        for (mode, isFit) in [(0o600, true), (0o644, true), (0o664, true), (0o666, false), (0o602, false)] {
            let path = try write("f", "text", mode: mode)
            let link = "\(folder)/link"
            try? FileManager.default.removeItem(atPath: link)
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
            for path in [path, link] { #expect(flaw(path) == (isFit ? nil : .writable)) }
        }
        let file = try TrustedFile(write("g", "text", mode: 0o640))
        #expect(file.bytes == Array("text".utf8))
        #expect(file.mode == 0o640)
    }

    @Test("refuses what is not a regular file, without blocking (I17)") func odd() throws {
        defer { remove() }
        #expect(flaw("\(folder)/none") == .missing)
        let file = try write("f", "")
        #expect(flaw("\(file)/below") == .missing)
        #expect(flaw(folder) == .notRegular)
        #expect(unsafe mkfifo("\(folder)/pipe", 0o600) == 0)
        #expect(flaw("\(folder)/pipe") == .notRegular)
        #expect(flaw("/dev/zero") == .notRegular)
        let long = try write("long", "")
        #expect(unsafe truncate(long, (4 << 20) + 1) == 0)
        #expect(flaw(long) == .tooLong(limit: 4 << 20))
    }

    @Test("refuses settings from a world-writable file (I17)") func settings() async throws {
        defer { remove() }
        let config = try write("config.yaml", "bff:\n  logLevel: info\n", mode: 0o666)
        do throws(Settings.Invalid) {
            _ = try await Settings.read(environment: [:], file: config)
        } catch {
            #expect(error.problems == ["--config: \(config) may be written by anybody; chmod o-w it"])
        }
        let good = try write("good.yaml", "bff:\n  logLevel: nonsense\n", mode: 0o640)
        do throws(Settings.Invalid) {
            _ = try await Settings.read(environment: [:], file: good)
        } catch {
            #expect(error.problems.contains { $0.hasPrefix("BFF_LOG_LEVEL") }, "it was read")
        }
        let authorities = try write("ca.pem", "no certificate", mode: 0o666)
        for mode in [0o666, 0o644] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: authorities)
            do throws(Settings.Invalid) {
                _ = try await Settings.read(environment: ["FLATPEAK_CA_FILE": authorities], file: nil)
            } catch {
                let problem = mode == 0o666 ? "may be written by anybody; chmod o-w it" : "holds no certificate in PEM"
                #expect(error.problems.contains("FLATPEAK_CA_FILE: \(authorities) \(problem)"))
            }
        }
    }

    @Test("refuses a world-writable JWK set (I17)") func keySet() async throws {
        defer { remove() }
        let jwks = try write("jwks.json", #"{"keys":[]}"#, mode: 0o666)
        do throws(Settings.Invalid) {
            _ = try await Settings.read(
                environment: ["BFF_AUTH": "jwt", "BFF_JWT_JWKS_FILE": jwks], file: nil)
        } catch {
            #expect(error.problems.contains("BFF_JWT_JWKS_FILE: \(jwks) may be written by anybody; chmod o-w it"))
        }
    }

    @Test("revokes keys that are removed from the file (I14)") func revocable() {
        let first = Array("a".utf8), second = Array("b".utf8)
        typealias Step = (reading: Result<[UInt8], TrustedFile.Unfit>, isHangup: Bool, inForce: [UInt8]?)
        let cases: [[Step]] = [
            // An editor truncates first.
            [(.success([]), false, first), (.success(second), false, second)],
            [(.failure(.missing), false, first), (.success(second), false, second), (.success([]), false, second)],
            // It still is gone at the next reading.
            [(.success([]), false, first), (.success([]), false, []), (.success([]), false, [])],
            [(.failure(.missing), false, first), (.success([]), false, []), (.success(first), false, first)],
            // An operator asks for it.
            [(.failure(.missing), true, [])], [(.success([]), true, []), (.success([]), false, [])],
            [(.success(second), true, second), (.success([]), false, second)],
            // What cannot be read keeps the old, and begins to count anew.
            [(.failure(.writable), true, nil), (.success([]), false, first)],
            [(.success([]), false, first), (.failure(.unreadable), false, nil), (.success([]), false, first)],
            [(.success([]), true, []), (.failure(.unreadable), false, nil), (.failure(.missing), false, [])],
        ]
        for (number, steps) in cases.enumerated() {
            var file = RevocableFile(first)
            for (index, step) in steps.enumerated() {
                if step.isHangup { file.hangUp() }
                #expect(file.contents(step.reading) == step.inForce, "case \(number), step \(index)")
            }
        }
    }
}
