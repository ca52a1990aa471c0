import Core
import HTTPTypes

extension Route {
    /// `GET /livez`: the process answers.
    ///
    /// `GET /readyz`: it may be sent requests.
    ///
    /// - Parameters:
    ///   - isReady: About this process, not about Flatpeak's health: a process that leaves the pool because Flatpeak
    ///     is down helps nobody.
    ///   - storeDebt: What the store has still to be told, and whether it takes it. A process whose store is away
    ///     serves what it can and says so.
    static func probes(
        isReady: @escaping @Sendable () -> Bool,
        storeDebt: @escaping @Sendable () -> (owed: Int, isHealthy: Bool)
    ) -> [Route] {
        let isFine = Reply(.ok, contentType: "text/plain; charset=utf-8", body: Array("ok\n".utf8))
        return [
            Route(.get, "/livez", .open, .anyone { _ in isFine }),
            Route(
                .get, "/readyz", .open,
                .anyone { (_) throws(BFFError) in
                    guard isReady() else { throw .notReady }
                    let debt = storeDebt()
                    if debt.isHealthy { return isFine }
                    let text = "ok, but the store takes no writes; not written yet: \(debt.owed.counted("session"))\n"
                    return Reply(.ok, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
                }),
        ]
    }

    /// `GET /openapi.yaml`: the contract, as it was when this program was built.
    static let document = Route(
        .get, "/openapi.yaml", .open,
        .anyone { _ in
            Reply(.ok, contentType: "application/yaml; charset=utf-8", body: PackageResources.openapi_yaml)
        })
}
