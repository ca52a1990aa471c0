/// The version of both programs, of their packages and of their image.
package enum ProductVersion {
    /// The one place that holds it; a test holds `info.version` of `openapi.yaml` against it.
    package static let current = "0.1.0"
}
