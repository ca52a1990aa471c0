import Foundation
import Testing

@testable import ConnectClient

@Suite struct URLSessionTransportTests {
    @Test func `says that nothing answers, and is gone with its last user`() async throws {
        weak var transport: URLSessionTransport?
        do {
            let used = URLSessionTransport(base: try #require(URL(string: "http://127.0.0.1:1/base/")))
            transport = used
            // The second one has a session of its own.
            for _ in 1...2 {
                var call = Call("DELETE", "locations", "loc_1")
                call.isRepeatable = false
                let sent = call
                await #expect(throws: ConnectError(.networkError)) { _ = try await used.send(sent, bearer: "b") }
            }
        }
        for _ in 0..<500 where transport != nil { try await Task.sleep(nanoseconds: 10_000_000) }
        #expect(transport == nil)
    }
}
