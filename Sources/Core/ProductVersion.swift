/// The version of this program.
package enum ProductVersion {
    /// As `openapi.yaml` has it in `info.version`; a test holds the two together.
    package static let current = "0.1.0"
}
