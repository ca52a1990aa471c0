package import Flatpeak

extension LocationStatus {
    /// Whether the user still has to take an action, when an event said so of `tariff`.
    ///
    /// A tariff that ends soon, or has a better connection, is required to be connected still: once another one has its
    /// slot, or it broke, there is nothing to renew. An event that names no tariff requires neither, since nothing would
    /// end it.
    package func stillRequires(_ action: RequiredAction, of tariff: String?) -> Bool {
        switch action {
        case .reconnect: needsReconnection(of: tariff)
        case .upgrade, .renew: tariff.map { isConnected($0) } ?? false
        }
    }
}
