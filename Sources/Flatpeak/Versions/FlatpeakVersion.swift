/// The API versions that this release speaks (upstream.md §0).
///
/// A new one is a case here and its ``VersionTable``, whose members the compiler asks for.
package enum FlatpeakVersion: String, Sendable, CaseIterable {
    case zero = "2024-08-24.zero"
    case anode = "2025-09-14.anode"
    case busbar = "2026-08-01.busbar"

    /// The version that calls ask for unless another one is set.
    package static let standard = anode

    /// Whether the version is spoken from documents that are incomplete and disagree (docs/upgrade-flatpeak.md).
    package var isPreview: Bool { table.isPreview }

    /// Whether a mint can say what is to be done with the tariff of an existing location.
    package var hasActions: Bool { table.hasActions }

    /// Everything in which the version differs from the others.
    var table: any VersionTable.Type {
        switch self {
        case .zero: ZeroTable.self
        case .anode: AnodeTable.self
        case .busbar: BusbarTable.self
        }
    }

    /// The pages of Connect that decide something.
    package var pages: ConnectPages { table.pages }
}
