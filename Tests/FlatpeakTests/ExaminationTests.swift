import Core
import FoundationEssentials
import Networking
import Testing

@testable import Flatpeak

@Suite struct ExaminationTests {
    @Test(
        "the host of logos is looked at where it is a host of its own",
        arguments: [("http://127.0.0.1:2", true), ("http://127.0.0.1:1", false), (nil, false)] as [(String?, Bool)])
    func logos(_ url: String?, _ isLookedAt: Bool) async throws {
        // Nothing listens at these ports.
        let settings = FlatpeakClient.Settings(
            apiURL: "http://127.0.0.1:1", connectURL: "http://127.0.0.1:1", logosURL: url,
            credentials: Credentials(account: Secret("acc_x"), keys: [Secret("sk_x")]))
        let transport = HTTPTransport(clock: ContinuousClock())
        let examination = await settings.examine(by: transport) { Date() }
        await transport.shutdown()
        if case .fails(.refused) = examination.logos {
            #expect(isLookedAt)
        } else {
            #expect(!isLookedAt, "\(String(describing: examination.logos))")
        }
        guard case .fails(.refused) = examination.api else { throw Unexpected() }
    }

    private struct Unexpected: Error {}
}
