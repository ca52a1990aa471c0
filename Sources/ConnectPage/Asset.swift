/// A file that the page loads.
package struct Asset: Equatable, Sendable {
    package let name: String
    package let representation: Representation
    /// The content policy of an asset that a browser could open as a document; `nil` for all others.
    package let contentPolicy: String?
    /// The assets that a module imports when it is loaded, in their order; what `import()` loads later is not among
    /// them.
    let imports: [String]

    init(
        _ name: String, _ contentType: String, _ bytes: [UInt8], contentPolicy: String? = nil, imports: [String] = []
    ) {
        self.name = name
        representation = Representation(contentType, bytes)
        self.contentPolicy = contentPolicy
        self.imports = imports
    }

    private static func script(_ name: String, _ bytes: [UInt8]) -> Asset {
        let text = ScriptText.withoutComments(bytes)
        return Asset("\(name).js", "text/javascript; charset=utf-8", text, imports: ScriptText.imports(of: text))
    }

    /// What a page of another origin loads to open the page, and its types.
    static let embedScript = script("connect", PackageResources.connect_js)
    static let embedTypes = Asset("connect.d.ts", "text/plain; charset=utf-8", PackageResources.connect_d_ts)

    /// The files that are the same for every service.
    ///
    /// `scripts/check-modules` compares this list and that of `Package.swift` with the folder.
    static let embedded = [
        Asset(
            "style.css", "text/css; charset=utf-8", ScriptText.withoutComments(PackageResources.style_css)),
        Asset("icon.svg", "image/svg+xml", PackageResources.icon_svg, contentPolicy: ContentPolicy.image),
        script("again", PackageResources.again_js),
        script("bridge", PackageResources.bridge_js),
        script("chart", PackageResources.chart_js),
        script("failure", PackageResources.failure_js),
        script("flow", PackageResources.flow_js),
        script("format", PackageResources.format_js),
        script("frame", PackageResources.frame_js),
        script("kit", PackageResources.kit_js),
        script("memory", PackageResources.memory_js),
        script("page", PackageResources.page_js),
        script("places", PackageResources.places_js),
        script("popup", PackageResources.popup_js),
        script("provider", PackageResources.provider_js),
        script("rules", PackageResources.rules_js),
        script("schedule", PackageResources.schedule_js),
        script("screens-address", PackageResources.screens_address_js),
        script("screens-advanced", PackageResources.screens_advanced_js),
        script("screens-choice", PackageResources.screens_choice_js),
        script("screens-rates", PackageResources.screens_rates_js),
        script("screens-summary", PackageResources.screens_summary_js),
        script("screens", PackageResources.screens_js),
        script("service", PackageResources.service_js),
        script("stage", PackageResources.stage_js),
        script("text", PackageResources.text_js),
        script("text-de", PackageResources.text_de_js),
        script("text-en", PackageResources.text_en_js),
        script("text-fr", PackageResources.text_fr_js),
        script("text-nl", PackageResources.text_nl_js),
        script("trail", PackageResources.trail_js),
    ]
}
