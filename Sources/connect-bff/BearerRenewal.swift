import Flatpeak
import ServiceLifecycle

/// Keeps a good bearer at hand for as long as the service runs.
struct BearerRenewal: Service, CustomStringConvertible {
    let flatpeak: FlatpeakClient
    let description = "bearer renewal"

    func run() async {
        await cancelWhenGracefulShutdown { await flatpeak.run() }
    }
}
