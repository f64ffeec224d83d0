// swift-tools-version: 6.2
import PackageDescription

// Tests/run turns warnings into errors; a user's newer compiler may warn about more than ours and still builds.
let strict: [SwiftSetting] =
  Context.environment["HOTPLATE_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let services = Target.Dependency.product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
  name: "hotplate",
  products: [
    .executable(name: "hotplate", targets: ["hotplate"]),
    .executable(name: "hotplate-bench", targets: ["hotplate-bench"]),
    .library(name: "falseclock", type: .dynamic, targets: ["falseclock"]),
  ],
  dependencies: [
    // Rule files, with the line and column of every key and value.
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    // The journal: SQLite.
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    // The command line.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    // MD5, SHA-1 and SHA-256, as vendors' manifests have them.
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    // Logs to standard error.
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    // The heap of deadlines.
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    // SIGTERM and SIGINT end the services in order.
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    // The page and the API.
    .package(
      url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    // Sockets below Hummingbird, and WebSockets.
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    // The HTTP types between the two.
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    // The tools that make pictures: children in a session of their own, ended as a group.
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    // Paths and descriptors as swift-subprocess takes them.
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    .systemLibrary(name: "CInotifyTools", providers: [.apt(["libinotifytools0-dev"])]),
    .systemLibrary(name: "COpenEXR", providers: [.apt(["libopenexr-dev"])]),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .target(name: "CLinux"),
    // The page and the API's description as bytes in the program.
    .target(name: "CPage"),

    module("Paths"),
    module("Files", ["CLinux", "Paths"]),
    module("Completeness", ["COpenEXR", "Files", "Paths"]),
    module("Sequences", ["Paths"]),
    module("Rules", ["CPCRE2", "Paths", "Sequences", yams]),
    module("Watching", ["CInotifyTools", "CLinux", "Files", "Paths"]),
    module("Transfer", ["CLinux", "CXXHash", "Files", "Paths"]),
    module("Manifests", ["CXXHash", "Files", "Paths", crypto]),
    module("Journal", ["CLinux", "Paths", grdb]),
    module("ReadModel"),
    module(
      "Ingest",
      [
        "CLinux", "CXXHash", "Completeness", "Files", "Journal", "Manifests", "Paths", "ReadModel",
        "Rules", "Sequences", "Transfer", "Watching", logging,
        .product(name: "HeapModule", package: "swift-collections"),
      ]),
    module(
      "Pictures",
      [
        "CLinux", "COpenEXR", "Completeness", "Files", "Paths", "ReadModel", subprocess,
        systemPackage,
      ]),
    .target(
      name: "Dashboard",
      dependencies: [
        "CPage", "ReadModel", logging, nioCore, services,
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOWebSocket", package: "swift-nio"),
      ], exclude: ["Page"], swiftSettings: strict),
    program(
      "hotplate",
      [
        "CLinux", "Completeness", "Dashboard", "Files", "Ingest", "Journal", "Paths", "Pictures",
        "ReadModel", "Rules", "Sequences", "Transfer", "Watching", argumentParser, logging,
        services, yams,
      ]),
    module(
      "Simulation",
      [
        "Files", "Ingest", "Journal", "Paths", "ReadModel", "Rules", "Transfer", "Watching",
        logging,
      ]),
    program(
      "hotplate-bench",
      [
        "CLinux", "Files", "Paths", "Rules", "Sequences", "Simulation", "TestSupport",
        "Transfer", argumentParser,
      ]),
    module("TestSupport", ["CXXHash", "Files", "Paths"]),
    // Fails, holds and kills at a system call of the real program, for the end-to-end tests.
    .executableTarget(name: "callgate", path: "Tests/callgate"),
    // Preloaded into the real program, for the tests whose wall clock jumps.
    .target(name: "falseclock", path: "Tests/falseclock"),

    tests(
      "SequencesTests", ["Paths", "Sequences", "TestSupport"],
      resources: [.copy("slots.json"), .copy("sequences.json")]),
    tests(
      "RulesTests", ["Paths", "Rules", "Sequences", "TestSupport", yams],
      resources: [.copy("Golden")]),
    tests("ShippedRulesTests", ["Paths", "Rules", yams], resources: [.copy("Golden")]),
    tests(
      "CompletenessTests", ["Completeness", "Files", "Paths", "TestSupport"],
      resources: [.copy("pictures.json")]),
    tests(
      "WatchingTests", ["CInotifyTools", "CLinux", "Files", "Paths", "TestSupport", "Watching"]),
    tests("TransferTests", ["CLinux", "Files", "Paths", "Transfer"]),
    tests(
      "ManifestsTests", ["Files", "Manifests", "Paths", "TestSupport", yams],
      resources: [.copy("Golden")]),
    tests("JournalTests", ["Journal", "Paths", grdb]),
    tests("ReadModelTests", ["ReadModel"], resources: [.copy("Golden")]),
    tests(
      "PicturesTests", ["CLinux", "Files", "Paths", "Pictures", "ReadModel", "TestSupport"]),
    tests(
      "IngestTests",
      [
        "Files", "Ingest", "Journal", "Paths", "ReadModel", "Rules", "Sequences", "Transfer",
        "Watching",
      ]),
    tests(
      "EngineTests",
      [
        "Files", "Ingest", "Journal", "Paths", "ReadModel", "Rules", "TestSupport", "Transfer",
        "Watching", logging,
      ]),
    tests(
      "DashboardTests",
      ["Dashboard", "Paths", "ReadModel", "hotplate", logging, nioCore, services]),
    tests("SeqCommandTests", ["hotplate", "Paths", "Sequences"]),
    tests("CommandTests", ["ReadModel", "hotplate", argumentParser, logging]),
    tests("RulesCommandTests", ["Files", "Paths", "ReadModel", "Rules", "hotplate"]),
    tests(
      "SimulationTests",
      ["Files", "Paths", "Simulation", "TestSupport", "Transfer", "hotplate-bench"]),
    tests("TestSupportTests", ["Files", "Paths", "TestSupport"]),
    tests("EndToEndTests", ["Files", "Paths", "TestSupport", "hotplate", grdb]),
  ]
)
