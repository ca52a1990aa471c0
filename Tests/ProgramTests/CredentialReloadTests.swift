import Core
import Flatpeak
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import connect_bff

@Suite struct CredentialReloadTests {
    @Test("S6: a changed secret is taken up; one that is wrong leaves the old in place and is tried again")
    func S6() async throws {
        let upstream = ScriptedUpstream()
        upstream.on(
            "login",
            [
                { request in
                    let isBad = request.header("authorization") == Basic.of("bad-key-1")
                    return .success(
                        isBad ? .json("{}", status: 403) : .json(#"{"bearer_token":"b","expires_in":3600}"#))
                }
            ])
        let client = FlatpeakClient.scripted(upstream, keys: ["old-key-1"])
        // What the file holds at each of the triggers.
        let contents: [String?] = ["old-key-1", "old-key-1", nil, "bad-key-1", "bad-key-1", "new-key-1", "new-key-1"]
        let reads = Mutex(contents[...])
        let reload = CredentialReload(
            flatpeak: client, inUse: Credentials(account: Secret("acc_1"), keys: [Secret("old-key-1")]),
            read: { (_) throws(Settings.Invalid) in
                guard let key = reads.withLock({ $0.popFirst() ?? nil }) else {
                    throw Settings.Invalid(problems: ["FLATPEAK_API_KEY: is empty"])
                }
                return Credentials(account: Secret("acc_1"), keys: [Secret(key)])
            }, logger: .silent)
        let (triggers, trigger) = AsyncThrowingStream<CredentialReload.Trigger, any Error>.makeStream()
        for _ in contents { trigger.yield(.tick) }
        trigger.finish()
        await reload.run(triggers: triggers)
        #expect(
            upstream.requests("login").map { $0.header("authorization") }
                == ["bad-key-1", "bad-key-1", "new-key-1"].map { Basic.of($0) })
    }

    @Test("credentials that were replaced while the service started are taken up (I16)")
    func replacedAtStart() async throws {
        let upstream = ScriptedUpstream()
        upstream.on("login", [{ _ in .success(.json(#"{"bearer_token":"b","expires_in":3600}"#)) }])
        // The client was made with the old key; the file holds the new one ever since.
        let reload = CredentialReload(
            flatpeak: FlatpeakClient.scripted(upstream, keys: ["old-key-1"]),
            inUse: Credentials(account: Secret("acc_1"), keys: [Secret("old-key-1")]),
            read: { (_) throws(Settings.Invalid) in
                Credentials(account: Secret("acc_1"), keys: [Secret("new-key-1")])
            }, logger: .silent)
        let (triggers, trigger) = AsyncThrowingStream<CredentialReload.Trigger, any Error>.makeStream()
        for _ in 0..<3 { trigger.yield(.hangup) }
        trigger.finish()
        await reload.run(triggers: triggers)
        #expect(upstream.requests("login").map { $0.header("authorization") } == [Basic.of("new-key-1")])
    }
}

private enum Basic {
    static func of(_ key: String) -> String {
        "Basic " + Data("acc_1:\(key)".utf8).base64EncodedString()
    }
}
