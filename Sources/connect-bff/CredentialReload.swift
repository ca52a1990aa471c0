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
    /// Those with which `flatpeak` was made; a second reading may find others already.
    let inUse: Credentials
    /// Reads the credentials as at start; throws what is wrong with them.
    let read: @Sendable (Trigger) async throws(Settings.Invalid) -> Credentials
    let logger: Logger
    let description = "credential reload"

    enum Trigger {
        /// The time for a look has come.
        case tick
        /// SIGHUP: an operator says that something changed.
        case hangup
    }

    func run() async throws {
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        let ticks = AsyncTimerSequence(interval: .seconds(15), clock: .continuous)
        await run(
            triggers: merge(hangups.map { _ in Trigger.hangup }, ticks.map { _ in .tick }).cancelOnGracefulShutdown())
    }

    /// The same with triggers handed in.
    func run(triggers: some AsyncSequence<Trigger, any Error>) async {
        var known = fingerprint(inUse)
        do {
            for try await trigger in triggers { known = await look(known, trigger) }
        } catch {
            logger.error("credentials are not reloaded any more", metadata: ["bff.error_type": "\(type(of: error))"])
        }
    }

    /// - Returns: The fingerprint of the credentials in use; new ones that do not work are tried again next time.
    private func look(_ known: [UInt8], _ trigger: Trigger) async -> [UInt8] {
        let credentials: Credentials
        do throws(Settings.Invalid) {
            credentials = try await read(trigger)
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
