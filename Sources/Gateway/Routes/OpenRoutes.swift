import Core
import Edge
import HTTPTypes

extension Route {
    /// `GET /livez`: the process answers.
    ///
    /// `GET /readyz`: it may be sent requests.
    ///
    /// - Parameters:
    ///   - isReady: About this process, not about Flatpeak's health: a process that leaves the pool because Flatpeak
    ///     is down does not help.
    ///   - storeStatus: Sessions not yet persisted, and whether the store takes them. A process whose store is away
    ///     serves what it can and says so.
    static func probes(
        isReady: @escaping @Sendable () -> Bool,
        storeStatus: @escaping @Sendable () -> (pendingWrites: Int, isHealthy: Bool)
    ) -> [Route] {
        let isFine = Reply(.ok, contentType: "text/plain; charset=utf-8", body: Array("ok\n".utf8))
        return [
            Route(.get, "/livez", .open, .anyone { _ in isFine }),
            Route(
                .get, "/readyz", .open,
                .anyone { (_) throws(BFFError) in
                    guard isReady() else { throw .notReady }
                    let store = storeStatus()
                    if store.isHealthy { return isFine }
                    let pending = store.pendingWrites.counted("session")
                    let text = "ok, but the store takes no writes; not written yet: \(pending)\n"
                    return Reply(.ok, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
                }),
        ]
    }

    /// `GET /openapi.yaml`: the contract, as it was when this program was built.
    static let document = Route(
        .get, "/openapi.yaml", .contract,
        .anyone { _ in
            Reply(.ok, contentType: "application/yaml; charset=utf-8", body: contractBody)
        })
    private static let contractBody = RoutedResponse.Body(shared: PackageResources.openapi_yaml)
}
