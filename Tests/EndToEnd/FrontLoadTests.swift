import Foundation
import Subprocess
import Testing

/// Restarts behind real reverse proxies, while a client makes load.
@Suite(.serialized) struct FrontLoadTests {
    @Test(
        "restarts under load lose no request, through nginx, HAProxy and Caddy (R17, R18)",
        arguments: Front.Kind.allCases)
    func R17(kind: Front.Kind) async throws {
        let isLong = ProcessInfo.processInfo.environment["BFF_TEST_LONG"] == "1"
        let restarts = isLong ? 20 : 5
        let settings = FrontTests.settings(.sameOrigin).merging([
            "BFF_DRAIN": isLong ? "5s" : "1s", "BFF_LOG_LEVEL": "info", "BFF_LIMIT_RELAY": "off",
        ]
        ) { $1 }
        // One client makes all the load, so that what is meant for floods must not hold it off.
        let changes = ["rate=20r/s": "rate=9000r/s", "gt 300 }": "gt 99999 }"]
        try await ServeProcess.run(settings, holdingSocket: true) { serve in
            try await Front.run(kind, .sameOrigin, before: serve.port, changes: changes, isHTTP1: true) { front in
                let load = Load(front, serve, base: front.service(.sameOrigin))
                try await load.run(perSecond: 200) {
                    for number in 1...restarts {
                        serve.send(.userDefinedOne)
                        try await eventually(
                            within: .seconds(40), "it did not restart: \(serve.log.suffix(2000))"
                        ) { serve.log.components(separatedBy: "\"listening\"").count >= number + 2 }
                        // Some must arrive at the new one: as many as come in 300 ms.
                        let good = load.counts.good
                        try await eventually { load.counts.good >= good + 60 }
                    }
                }
                let counts = load.counts
                #expect(
                    counts.failed.isEmpty, "\(counts.failed.count): \(counts.failed.prefix(5)) beside \(counts.good)")
                #expect(counts.good > restarts * 200)
                let restarted = serve.log.components(separatedBy: "restarts after exit code 0, while 1024 may wait")
                #expect(restarted.count == restarts + 1, "\(serve.log.suffix(2000))")
            }
        }
    }
}
