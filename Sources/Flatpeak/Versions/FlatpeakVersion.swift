/// The API versions that this release speaks (upstream.md §0).
///
/// A new one is a case here and its ``VersionTable``, whose members the compiler asks for.
package enum FlatpeakVersion: String, Sendable, CaseIterable {
    case zero = "2024-08-24.zero"
    case anode = "2025-09-14.anode"

    /// The version that calls ask for unless another one is set.
    package static let standard = anode

    /// The versions that Flatpeak is known to have, oldest first.
    ///
    /// Newer ones than those of this type are among them, whose paths are not known here. An account refuses all that are older than its own, so that the first one it takes is its own.
    static let names = allCases.map(\.rawValue) + ["2026-08-01.busbar"]

    /// Everything in which the version differs from the others.
    var table: any VersionTable.Type {
        switch self {
        case .zero: ZeroTable.self
        case .anode: AnodeTable.self
        }
    }

    /// The pages of Connect that decide something.
    package var pages: ConnectPages { table.pages }
}
