import ConnectPage
import Edge
import Flatpeak
import Sessions

/// The settings of the service, one group for each part that uses them.
///
/// `serve` reads them, and `dev` makes its own.
struct ServiceConfiguration: Sendable {
    var flatpeak: FlatpeakClient.Settings
    var sessions: SessionSettings
    var brand = BrandSettings()
    var listeners: ListenerSettings
    var edge: EdgeSettings
    /// Without a way to sign in, every user is refused.
    var authentication = Authentication()
    var store: StoreSettings
    /// `nil` when events are kept and not delivered.
    var events: EventSettings?
    var telemetry: TelemetrySettings
}
