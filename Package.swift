// swift-tools-version: 6.2
import PackageDescription

// The settings of every target. What each one buys is told in docs/decisions/0001-compiler-settings.md.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

// What `--version` says of the build. A build without a checkout, such as the image's, is told in the environment.
let commit: String = {
    if let given = Context.environment["CONNECT_BFF_COMMIT"], !given.isEmpty { return given }
    guard let git = Context.gitInformation else { return "unknown" }
    return git.currentCommit + (git.hasUncommittedChanges ? " with changes" : "")
}()

extension Target.Dependency {
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let asyncAlgorithms = product(name: "AsyncAlgorithms", package: "swift-async-algorithms")
    static let asyncHTTPClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let configuration = product(name: "Configuration", package: "swift-configuration")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let cryptoExtras = product(name: "CryptoExtras", package: "swift-crypto")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let hummingbirdTesting = product(name: "HummingbirdTesting", package: "hummingbird")
    static let logging = product(name: "Logging", package: "swift-log")
    static let inMemoryLogging = product(name: "InMemoryLogging", package: "swift-log")
    static let coreMetrics = product(name: "CoreMetrics", package: "swift-metrics")
    static let metrics = product(name: "Metrics", package: "swift-metrics")
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioEmbedded = product(name: "NIOEmbedded", package: "swift-nio")
    static let nioExtras = product(name: "NIOExtras", package: "swift-nio-extras")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioHTTPCompression = product(name: "NIOHTTPCompression", package: "swift-nio-extras")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let nioTLS = product(name: "NIOTLS", package: "swift-nio")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let subprocess = product(name: "Subprocess", package: "swift-subprocess")
    static let systemPackage = product(name: "SystemPackage", package: "swift-system")
    static let tracing = product(name: "Tracing", package: "swift-distributed-tracing")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let yams = product(name: "Yams", package: "Yams")
}

let package = Package(
    name: "connect-bff",
    // For ConnectClient: the oldest systems with Swift's concurrency. The service is built on Linux alone.
    platforms: [.iOS(.v13), .macOS(.v10_15), .tvOS(.v13), .watchOS(.v6)],
    // Apps that use a product fetch what its targets need, and ConnectClient needs nothing (docs/decisions/0004-modules.md).
    products: [.library(name: "ConnectClient", targets: ["ConnectClient"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-async-algorithms", from: "1.1.4"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(name: "CBuild", cSettings: [.define("CONNECT_BFF_COMMIT", to: "\"\(commit)\"")]),
        .target(name: "ConnectClient", exclude: ["README.md"]),
        .target(name: "Core"),
        .target(name: "Keys", dependencies: ["COpenSSL", "Core"]),
        .target(name: "Wire", dependencies: ["Core"]),
        .target(name: "Resilience"),
        .target(name: "Telemetry", dependencies: ["Core", .coreMetrics, .metrics, .tracing]),
        .target(
            name: "Networking",
            dependencies: ["Core", "Resilience", "Wire", .asyncHTTPClient, .nioCore, .nioHTTP1, .nioPosix, .nioSSL]),
        .target(
            name: "Flatpeak",
            dependencies: [
                "Core", "Keys", "Networking", "Resilience", "Wire", .logging, .metrics, .nioHTTP1, .tracing,
            ]),
        .target(
            name: "Sessions",
            dependencies: ["Core", "Networking", "Wire", "Flatpeak", "Keys", "Resilience", .logging, .metrics]),
        .target(
            name: "Store",
            dependencies: [
                "CPostgres", "Core", "Flatpeak", "Keys", "Resilience", "Sessions", .grdb, .logging, .metrics,
            ]),
        .target(
            name: "Webhooks",
            dependencies: [
                "Core", "Networking", "Wire", "Flatpeak", "Keys", "Resilience", "Sessions", .logging, .metrics,
            ]),
        .target(
            name: "Edge",
            dependencies: [
                "Core", "Networking", "Resilience", "Wire", .httpTypes, .metrics, .nioCore, .nioExtras, .nioPosix,
                .serviceLifecycle, .tracing,
            ]),
        .target(
            name: "Relay",
            dependencies: [
                "Core", "Edge", "Flatpeak", "Networking", "Resilience", "Sessions", "Telemetry", "Wire", .nioCore,
                .nioPosix, .nioSSL, .nioTLS, .tracing,
            ]),
        .target(
            name: "ConnectPage",
            dependencies: ["Core", "Keys", .nioCore, .nioEmbedded, .nioHTTP1, .nioHTTPCompression],
            resources: [
                "again.js",
                "bridge.js",
                "chart.js",
                "connect.d.ts",
                "connect.js",
                "failure.js",
                "flow.js",
                "format.js",
                "frame.js",
                "icon.svg",
                "index.html",
                "kit.js",
                "memory.js",
                "page.js",
                "places.js",
                "popup.html",
                "popup.js",
                "provider.js",
                "rules.js",
                "schedule.js",
                "screens-address.js",
                "screens-advanced.js",
                "screens-choice.js",
                "screens-rates.js",
                "screens-summary.js",
                "screens.js",
                "service.js",
                "stage.js",
                "style.css",
                "text-de.js",
                "text-en.js",
                "text-fr.js",
                "text-nl.js",
                "text.js",
                "trail.js",
            ].map { .embedInCode("Assets/\($0)") }),
        .target(
            name: "Gateway",
            dependencies: [
                "ConnectPage", "Core", "Edge", "Flatpeak", "Keys", "Networking", "Resilience", "Sessions", "Telemetry",
                "Webhooks",
                "Wire", .httpTypes, .logging, .metrics, .serviceLifecycle, .tracing,
            ],
            resources: [.embedInCode("openapi.yaml")]),
        .target(name: "Sandbox", dependencies: [.nioCore, .nioPosix, .nioHTTP1, .crypto, .cryptoExtras, .logging]),
        .executableTarget(
            name: "connect-bff",
            dependencies: [
                "CBuild", "ConnectPage", "Core", "Edge", "Flatpeak", "Gateway", "Keys", "Networking", "Relay",
                "Resilience", "Sandbox",
                "Sessions", "Store", "Telemetry",
                "Webhooks", "Wire",
                .argumentParser, .asyncAlgorithms, .configuration, .httpTypes, .logging, .metrics, .nioCore,
                .serviceLifecycle,
                .systemPackage, .tracing, .unixSignals, .yams,
            ],
            resources: [
                "app.js", "charging.js", "chart.js", "home.js", "icon.svg", "index.html", "kit.js", "memory.js",
                "service.js", "states.js",
                "style.css",
            ].map { .embedInCode("Dev/Page/\($0)") }),
        .executableTarget(
            name: "flatpeak-sandbox", dependencies: ["CBuild", "Core", "Sandbox", .argumentParser, .logging]),
        .target(
            name: "TestSupport",
            dependencies: [
                "ConnectPage", "Core", "Edge", "Gateway", "Networking", "Wire", "Flatpeak", "Sessions", "Webhooks",
                .httpTypes,
                .hummingbird,
                .logging, .nioCore, .nioPosix, .nioSSL, .tracing,
            ],
            path: "Tests/TestSupport"),
        .executableTarget(
            name: "ClientJourneys", dependencies: ["ConnectClient"], path: "Tests/Clients/swift", exclude: ["journeys"]),
        .testTarget(name: "ConnectClientTests", dependencies: ["ConnectClient"]),
        .testTarget(name: "CoreTests", dependencies: ["Core"]),
        .testTarget(name: "WireTests", dependencies: ["Core", "Wire"]),
        .testTarget(name: "KeysTests", dependencies: ["Core", "Keys", "TestSupport", .crypto, .cryptoExtras]),
        .testTarget(name: "ResilienceTests", dependencies: ["Resilience"]),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", .metrics, .tracing]),
        .testTarget(
            name: "FlatpeakTests",
            dependencies: [
                "Core", "Networking", "Flatpeak", "Relay", "Resilience", "Sandbox", "TestSupport", "Wire", .logging,
                .nioCore, .nioSSL,
            ]),
        .testTarget(
            name: "SessionsTests",
            dependencies: ["Core", "Networking", "Wire", "Flatpeak", "Resilience", "Sessions", "TestSupport", .logging]),
        .testTarget(
            name: "StoreTests",
            dependencies: ["Core", "Wire", "Flatpeak", "Keys", "Sessions", "Store", "TestSupport", .grdb, .logging],
            exclude: ["Schemas"]),
        .testTarget(
            name: "WebhooksTests",
            dependencies: [
                "Core", "Networking", "Flatpeak", "Keys", "Resilience", "Sessions", "Store", "TestSupport", "Webhooks",
                .cryptoExtras, .logging,
            ]),
        .testTarget(
            name: "EdgeTests",
            dependencies: ["Core", "Edge", "Resilience", "Wire", .httpTypes, .nioCore, .nioEmbedded]),
        .testTarget(
            name: "RelayTests",
            dependencies: [
                "Core", "Edge", "Networking", "Wire", "Flatpeak", "Gateway", "Keys", "Relay", "Resilience", "Sessions",
                "Telemetry", "TestSupport",
                .httpTypes, .nioCore, .nioPosix, .nioSSL, .serviceLifecycle,
            ]),
        .testTarget(
            name: "ConnectPageTests",
            dependencies: ["ConnectPage", "Core", .nioCore, .nioEmbedded, .nioHTTP1, .nioHTTPCompression]),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "ConnectPage", "Core", "Edge", "Resilience", "Networking", "Wire", "Flatpeak", "Gateway", "Keys",
                "Relay", "Sessions",
                "TestSupport", .httpTypes, .hummingbird, .hummingbirdCore, .hummingbirdTesting, .inMemoryLogging,
                .logging, .nioCore, .nioPosix,
            ]),
        .testTarget(name: "SandboxTests", dependencies: ["Sandbox", .logging, .nioCore, .nioPosix]),
        .testTarget(
            name: "EndToEnd",
            dependencies: [
                "connect-bff", "TestSupport", .asyncHTTPClient, .nioCore, .nioHTTP1, .nioPosix, .nioSSL, .subprocess,
                .systemPackage,
            ]),
        .testTarget(
            name: "ContractTests",
            dependencies: [
                "Core", "Edge", "Wire", "Flatpeak", "Gateway", "Sessions", "TestSupport",
                .httpTypes, .hummingbird, .hummingbirdTesting, .nioCore, .yams,
            ]),
        .testTarget(
            name: "ProgramTests",
            dependencies: [
                "ConnectPage", "Core", "Edge", "Flatpeak", "Gateway", "Keys", "Networking", "Relay", "Resilience",
                "Sessions",
                "Telemetry", "TestSupport", "connect-bff", .httpTypes, .inMemoryLogging, .logging, .metrics,
                .unixSignals,
            ]),
    ]
)

for target in package.targets where target.type != .system { target.swiftSettings = strict }
