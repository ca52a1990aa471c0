import Edge
import Flatpeak
import NIOCore

/// Checks whether an upstream is this very service, under whatever name.
///
/// The integration guide exports `FLATPEAK_CONNECT_URL` for the web app. An operator who starts the service in the same
/// shell points it at itself.
enum SelfUpstream {
    /// What is wrong with the addresses of Flatpeak; `nil` when nothing is.
    static func problem(listen: ListenAddress, _ flatpeak: FlatpeakClient.Settings) -> String? {
        problem(listen: listen, upstreams: [(.apiURL, flatpeak.apiURL), (.connectURL, flatpeak.connectURL)])
    }

    /// What is wrong, naming the setting; `nil` when nothing is, or when a name cannot be resolved now.
    static func problem(listen: ListenAddress, upstreams: [(setting: Setting, url: String)]) -> String? {
        guard case .tcp(let host, let port) = listen else { return nil }
        let own = addresses(of: host)
        for (setting, url) in upstreams {
            guard let address = try? WebAddress(url), address.effectivePort == port,
                let upstream = try? SocketAddress.makeAddressResolvingHost(address.hostName, port: port).ipAddress
            else { continue }
            if own.contains(upstream) {
                return "\(setting.variable): \(url) is this service's own BFF_LISTEN; it must name Flatpeak"
            }
        }
        return nil
    }

    /// The addresses under which a listener on `host` is reached.
    private static func addresses(of host: String) -> Set<String> {
        guard let own = try? SocketAddress.makeAddressResolvingHost(host, port: 0).ipAddress else { return [] }
        guard own == "0.0.0.0" || own == "::" else { return [own] }
        let devices = (try? System.enumerateDevices()) ?? []
        return Set(devices.compactMap { $0.address?.ipAddress })
    }
}
