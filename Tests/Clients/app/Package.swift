// swift-tools-version: 6.2
import PackageDescription

// An app of a customer of ours, on the oldest systems that have Swift's concurrency; check.py builds it.
let package = Package(
    name: "app",
    platforms: [.iOS(.v13), .macOS(.v10_15), .tvOS(.v13), .watchOS(.v6)],
    dependencies: [.package(name: "connect-bff", path: "../../..")],
    targets: [
        .executableTarget(
            name: "App", dependencies: [.product(name: "ConnectClient", package: "connect-bff")],
            swiftSettings: [.swiftLanguageMode(.v6)])
    ]
)
