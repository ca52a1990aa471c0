import Core
import HTTPTypes

extension Route {
    /// `GET /livez`: the process answers.
    ///
    /// `GET /readyz`: it may be sent requests; upstream's health is not asked.
    static let probes: [Route] = ["/livez", "/readyz"].map { path in
        Route(
            .get, path, .open,
            .anyone { _ in Reply(.ok, contentType: "text/plain; charset=utf-8", body: Array("ok\n".utf8)) })
    }

    /// `GET /openapi.yaml`: the contract, as it was when this program was built.
    static let document = Route(
        .get, "/openapi.yaml", .open,
        .anyone { _ in
            Reply(.ok, contentType: "application/yaml; charset=utf-8", body: PackageResources.openapi_yaml)
        })
}
