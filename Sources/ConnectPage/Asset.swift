/// A file of the page, as it is in the program.
package struct Asset: Equatable, Sendable {
    package let name: String
    package let contentType: String
    package let bytes: [UInt8]

    init(_ name: String, _ contentType: String, _ bytes: [UInt8]) {
        self.name = name
        self.contentType = contentType
        self.bytes = bytes
    }

    private static func script(_ name: String, _ bytes: [UInt8]) -> Asset {
        Asset("\(name).js", "text/javascript; charset=utf-8", bytes)
    }

    /// The files that are the same for every service.
    ///
    /// `scripts/check-modules` compares this list and that of `Package.swift` with the folder.
    static let embedded = [
        Asset("style.css", "text/css; charset=utf-8", PackageResources.style_css),
        Asset("connect.d.ts", "text/plain; charset=utf-8", PackageResources.connect_d_ts),
        script("bridge", PackageResources.bridge_js),
        script("chart", PackageResources.chart_js),
        script("connect", PackageResources.connect_js),
        script("flow", PackageResources.flow_js),
        script("format", PackageResources.format_js),
        script("kit", PackageResources.kit_js),
        script("memory", PackageResources.memory_js),
        script("page", PackageResources.page_js),
        script("popup", PackageResources.popup_js),
        script("provider", PackageResources.provider_js),
        script("screens", PackageResources.screens_js),
        script("service", PackageResources.service_js),
        script("text", PackageResources.text_js),
        script("text-de", PackageResources.text_de_js),
        script("text-en", PackageResources.text_en_js),
        script("text-fr", PackageResources.text_fr_js),
        script("text-nl", PackageResources.text_nl_js),
    ]
}
