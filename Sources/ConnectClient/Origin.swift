/// Where a page comes from, as browsers compare it.
struct Origin: Equatable {
    private let scheme: String
    private let host: String
    private let port: Int

    /// - Parameter port: nil or 0 is that of the scheme.
    init?(scheme: String?, host: String?, port: Int?) {
        guard let scheme = scheme?.lowercasedASCII, let host = host?.lowercasedASCII, !scheme.isEmpty, !host.isEmpty
        else {
            return nil
        }
        self.scheme = scheme
        self.host = host
        let usual = scheme == "https" ? 443 : 80
        self.port = port.flatMap { $0 == 0 ? nil : $0 } ?? usual
    }
}
