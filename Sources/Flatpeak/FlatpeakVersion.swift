/// The API versions whose paths and field names are known (upstream.md §0).
///
/// A new one is a case here and what the compiler then asks for.
package enum FlatpeakVersion: String, Sendable, CaseIterable {
    case zero = "2024-08-24.zero"
    case anode = "2025-09-14.anode"

    /// The versions that Flatpeak is known to have, oldest first.
    ///
    /// Newer ones than those of this type are among them, whose paths are not known here. An account refuses all that are older than its own, so that the first one it takes is its own.
    static let names = allCases.map(\.rawValue) + ["2026-08-01.busbar"]

    /// Where connect tokens are created and retrieved (upstream.md §2, §3).
    var connectTokenPath: String {
        switch self {
        case .zero: "/connect/tariff/token"
        case .anode: "/connect/token"
        }
    }
}
