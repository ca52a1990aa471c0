import AsyncAlgorithms
import Core
import Flatpeak
import Keys
import Logging
import Metrics
import ServiceLifecycle
import UnixSignals

/// Takes up credentials that were changed in their files, on SIGHUP and every 15 seconds.
struct CredentialReload: Service, CustomStringConvertible {
    let flatpeak: FlatpeakClient
    /// Reads the credentials as at start; throws what is wrong with them.
    let read: @Sendable () async throws(Settings.Invalid) -> Credentials
    let logger: Logger
    let description = "credential reload"

    func run() async throws {
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        let ticks = AsyncTimerSequence(interval: .seconds(15), clock: .continuous)
        await run(triggers: merge(hangups.map { _ in }, ticks.map { _ in }).cancelOnGracefulShutdown())
    }

    /// The same with triggers handed in.
    func run(triggers: some AsyncSequence<Void, any Error>) async {
        var known = try? await fingerprint(read())
        do {
            for try await _ in triggers { known = await look(known) }
        } catch {
            logger.error("credentials are not reloaded any more", metadata: ["bff.error_type": "\(type(of: error))"])
        }
    }

    /// - Returns: The fingerprint of the credentials in use; new ones that do not work are tried again next time.
    private func look(_ known: [UInt8]?) async -> [UInt8]? {
        let credentials: Credentials
        do throws(Settings.Invalid) {
            credentials = try await read()
        } catch {
            failed(error.problems.joined(separator: "; "))
            return known
        }
        let new = fingerprint(credentials)
        guard new != known else { return known }
        guard await flatpeak.adopt(credentials) else {
            failed("Flatpeak did not accept them")
            return known
        }
        logger.notice("new credentials are in use")
        return new
    }

    private func failed(_ why: String) {
        Counter(label: "connect_bff_credential_reload_failures_total").increment()
        logger.error("changed credentials cannot be used, the old ones stay", metadata: ["bff.why": "\(why)"])
    }

    /// Tells whether credentials changed, without keeping them a second time.
    private func fingerprint(_ credentials: Credentials) -> [UInt8] {
        let texts = ([credentials.account] + credentials.keys).map { secret in secret.expose { $0 } }
        return Digest.sha256(texts.joined(separator: "\n").utf8)
    }
}
