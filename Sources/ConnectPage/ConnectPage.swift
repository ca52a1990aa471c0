package import Core
import FoundationEssentials
import Keys
import NIOCore

/// The hosted Connect page of one service: its documents and assets, made once, at the start.
package struct ConnectPage: Sendable {
    /// A document that a browser navigates to.
    package enum Document: CaseIterable, Sendable {
        /// Every screen of a Connect session.
        case page
        /// The window in which a customer logs in at a provider.
        case popup
    }

    /// One hash over all assets, a part of their addresses.
    package let digest: String
    /// The script that opens the page in another one, and its types.
    package let embedScript: TaggedAsset
    package let embedTypes: TaggedAsset
    private let assets: [String: Asset]
    private let documents: [Document: [CustomerLanguage: Representation]]
    let ancestors: [String]

    /// - Parameters:
    ///   - ancestors: The origins whose pages may frame the page, and learn how a session ended.
    ///   - apiVersion: The name of Flatpeak's API version.
    package init(
        _ brand: BrandSettings = BrandSettings(), framedBy ancestors: Set<String> = [],
        apiVersion: String = "2025-09-14.anode"
    ) {
        let theme = Asset(Theme.name, "text/css; charset=utf-8", Array(Theme.css(brand.color).utf8))
        let logo = brand.logo?.asset
        let all = Asset.embedded + [theme, logo].compactMap(\.self)
        assets = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }
        digest = Self.digest(of: all)
        embedScript = TaggedAsset(.embedScript)
        embedTypes = TaggedAsset(.embedTypes)
        self.ancestors = ancestors.sorted()
        let content = DocumentContent(
            brand: brand, origins: self.ancestors, apiVersion: apiVersion, digest: digest, assets: assets,
            logo: logo?.name)
        var documents: [Document: [CustomerLanguage: Representation]] = [:]
        for document in Document.allCases {
            for language in CustomerLanguage.allCases {
                documents[document, default: [:]][language] = content.representation(of: document, in: language)
            }
        }
        self.documents = documents
    }

    package func asset(named name: String) -> Asset? { assets[name] }

    package func document(_ document: Document, in language: CustomerLanguage) -> Representation? {
        documents[document]?[language]
    }

    /// Whether pages of other origins may frame a document.
    ///
    /// The window of a provider's login is never framed.
    package func isFramed(_ document: Document) -> Bool { document == .page && !ancestors.isEmpty }

    package func contentPolicy(of document: Document) -> String {
        ContentPolicy.document(framedBy: isFramed(document) ? ancestors : [])
    }

    fileprivate static func digest(of assets: [Asset]) -> String {
        var bytes: [UInt8] = []
        // Lengths, so that no two lists of files are the same bytes.
        for asset in assets.sorted(by: { $0.name < $1.name }) {
            for part in [Array(asset.name.utf8), Array(asset.representation.plain.readableBytesView)] {
                bytes += "\(part.count):".utf8
                bytes += part
            }
        }
        return Digest.sha256(bytes).prefix(8).hexadecimal
    }
}

/// An asset with one address for good, and so with a validator of its own.
package struct TaggedAsset: Sendable {
    package let representation: Representation
    /// A weak entity tag.
    package let tag: String

    fileprivate init(_ asset: Asset) {
        representation = asset.representation
        tag = "W/\"\(ConnectPage.digest(of: [asset]))\""
    }
}
